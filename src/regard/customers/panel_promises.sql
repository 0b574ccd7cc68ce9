-- Promises that fell due in the days before each moment picked, by what was promised: how many, and how many were broken.
SELECT p.id, coalesce(r.promise, '') AS promise, count(*) AS due,
       count(*) FILTER (WHERE coalesce(r.kept_at, TIMESTAMP '2900-01-01') >
         CASE WHEN r.due_by = 'day' THEN date_trunc('day', r.due_at) + to_days(1) ELSE r.due_at END) AS broken
FROM picked AS p JOIN promises_whole AS r ON r.customer = p.customer
WHERE r.due_at >= p.at - to_days($days) AND r.due_at < p.at
  AND (r.withdrawn_at IS NULL OR r.withdrawn_at > r.due_at)
GROUP BY p.id, coalesce(r.promise, '')
ORDER BY p.id, promise
