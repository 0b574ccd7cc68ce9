-- Promises per local day they fell due: how many, and how many of them were broken then.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
timed AS (
  SELECT coalesce(nullif(p.promise, ''), 'promise') AS promise, p.kept_at, p.withdrawn_at,
         CAST(p.due_at + to_seconds(d.seconds) AS DATE) AS day,
         CASE WHEN coalesce(lower(p.due_by), '') = 'day'
           THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
                - INTERVAL 1 MICROSECOND
           ELSE p.due_at END AS deadline
  FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since
  WHERE p.due_at >= $history AND p.due_at < $until
)
SELECT 'promises' AS kind, promise AS name, day, CAST(day AS TIMESTAMP) AS hour, count(*) AS total,
       count(*) FILTER (coalesce(kept_at > deadline, TRUE)) AS bad, CAST(NULL AS DOUBLE) AS value
FROM timed
WHERE deadline < $until AND coalesce(withdrawn_at > deadline, TRUE)
GROUP BY ALL
ORDER BY name, day
