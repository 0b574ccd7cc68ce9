-- What is watched, per hour and local day: how many there were and how many of them went wrong, or what was measured.
-- kinds: failed (share of steps with an error, by declared moment), measured (telemetry good of total), contacts (count).
WITH
timed AS (
  SELECT name, day, date_trunc('hour', occurred_at) AS hour, count(*) AS total,
         count(*) FILTER (coalesce(error, '') <> '') AS bad
  FROM events_ever WHERE occurred_at >= $history AND occurred_at < $until GROUP BY ALL
),
-- Which moments a name belongs to is told once for each name, not for each event.
steps AS (
  SELECT DISTINCT m.moment, n.name
  FROM (SELECT DISTINCT name FROM timed) AS n JOIN moments AS m
    ON CASE WHEN m.prefix THEN starts_with(n.name, m.name) ELSE n.name = m.name END
  WHERE m.kind = 'event'
),
failed AS (
  SELECT 'failed' AS kind, s.moment AS name, t.day, t.hour, sum(t.total) AS total, sum(t.bad) AS bad,
         CAST(NULL AS DOUBLE) AS value
  FROM timed AS t JOIN steps AS s ON s.name = t.name
  GROUP BY ALL
),
measured AS (
  SELECT 'measured' AS kind, name, day, date_trunc('hour', occurred_at) AS hour,
         sum(total) AS total, sum(total - good) AS bad, sum(value) AS value
  FROM telemetry_ever
  WHERE occurred_at >= $history AND occurred_at < $until AND name <> '' AND (total > 0 OR value IS NOT NULL)
  GROUP BY ALL
),
asked AS (
  SELECT 'contacts' AS kind, coalesce(nullif(area, ''), 'unknown') AS name, day, date_trunc('hour', occurred_at) AS hour,
         count(*) AS total, 0 AS bad, CAST(NULL AS DOUBLE) AS value
  FROM contacts_ever WHERE occurred_at >= $history AND occurred_at < $until GROUP BY ALL
)
SELECT * FROM failed
UNION ALL SELECT * FROM measured
UNION ALL SELECT * FROM asked
ORDER BY kind, name, hour, day
