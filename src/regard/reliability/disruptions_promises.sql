-- Promises by name, customer, day before the end they fell due on, and combination of dimensions: how many, how many kept.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
timed AS (
  SELECT coalesce(nullif(p.promise, ''), 'promise') AS promise, p.customer, p.slices, p.kept_at, p.withdrawn_at,
         CASE WHEN coalesce(lower(p.due_by), '') = 'day'
           THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
                - INTERVAL 1 MICROSECOND
           ELSE p.due_at END AS deadline
  FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since
  WHERE p.due_at >= $history AND p.due_at < $end
)
SELECT promise, customer, CAST((epoch_us($end) - epoch_us(deadline) - 1) // 86400000000 AS INTEGER) AS age, slices,
       CAST(count(*) AS DOUBLE) AS total, CAST(count(*) FILTER (coalesce(kept_at <= deadline, FALSE)) AS DOUBLE) AS good,
       1.0 AS heaviest
FROM timed
WHERE deadline < $end AND coalesce(withdrawn_at > deadline, TRUE)
GROUP BY ALL
