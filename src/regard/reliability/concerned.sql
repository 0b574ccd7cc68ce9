-- Customers to whom a watched indicator went wrong since it is off course, those with most of it first.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
steps AS (
  SELECT DISTINCT n.name
  FROM (SELECT DISTINCT name FROM events_ever WHERE $kind = 'failed' AND occurred_at >= $from AND occurred_at < $until) AS n
  JOIN moments AS m ON CASE WHEN m.prefix THEN starts_with(n.name, m.name) ELSE n.name = m.name END
  WHERE m.kind = 'event' AND m.moment = $name
),
wrong AS (
  SELECT customer FROM events_ever
  WHERE $kind = 'failed' AND name IN (SELECT name FROM steps) AND coalesce(error, '') <> ''
    AND occurred_at >= $from AND occurred_at < $until
  UNION ALL
  SELECT customer FROM telemetry_ever
  WHERE $kind = 'measured' AND name = $name AND good < total AND occurred_at >= $from AND occurred_at < $until
  UNION ALL
  SELECT customer FROM contacts_ever
  WHERE $kind = 'contacts' AND coalesce(nullif(area, ''), 'unknown') = $name AND occurred_at >= $from AND occurred_at < $until
  UNION ALL
  SELECT p.customer FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since
  WHERE $kind = 'promises' AND coalesce(nullif(p.promise, ''), 'promise') = $name
    AND p.due_at >= $from AND p.due_at < $until
    AND coalesce(p.kept_at > CASE WHEN coalesce(lower(p.due_by), '') = 'day'
      THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
      ELSE p.due_at END, TRUE)
  UNION ALL
  SELECT customer FROM attempts_ever
  WHERE $kind = 'indicator' AND indicator = $name AND good < total AND occurred_at >= $from AND occurred_at < $until
),
counted AS (SELECT customer, count(*) AS n FROM wrong WHERE customer IS NOT NULL GROUP BY customer)
SELECT w.customer, c.id, coalesce(c.name, c.id) AS name, w.n
FROM counted AS w JOIN lake_customer AS c ON c.customer = w.customer
ORDER BY w.n DESC, c.id
