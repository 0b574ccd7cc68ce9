-- Of the promises that fell due in a bucket of time, how many were kept; by day where so promised (journey/promises).
WITH edges AS (SELECT unnest($starts) AS since),
zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
timed AS (
  SELECT p.weight, p.due_at, p.kept_at, p.withdrawn_at,
         CASE WHEN coalesce(lower(p.due_by), '') = 'day'
           THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
                - INTERVAL 1 MICROSECOND
           ELSE p.due_at END AS deadline
  FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since
)
SELECT e.since, count(*) AS n,
       exact_sum(CASE WHEN t.kept_at <= t.deadline THEN t.weight ELSE 0 END) / exact_sum(t.weight) AS value
FROM timed AS t ASOF JOIN edges AS e ON t.due_at >= e.since
WHERE t.due_at >= $first AND t.deadline < $latest AND t.weight > 0 AND coalesce(t.withdrawn_at > t.deadline, TRUE)
GROUP BY e.since ORDER BY e.since
