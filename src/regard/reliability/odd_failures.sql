-- The same thing failing again and again: runs of failures of one event, unbroken by a success, each within the window.
WITH steps AS (
  SELECT customer, name, coalesce(error, '') AS error, occurred_at AS at, position, coalesce(error, '') <> '' AS failed
  FROM events_ever
  WHERE occurred_at >= $history AND occurred_at < $now AND customer IS NOT NULL AND name IN (
    SELECT DISTINCT name FROM events_ever WHERE coalesce(error, '') <> '' AND occurred_at >= $history)
),
marked AS (
  SELECT *, CASE WHEN failed AND lag(failed) OVER w AND at - lag(at) OVER w <= to_seconds($window) THEN 0 ELSE 1 END AS anew
  FROM steps WINDOW w AS (PARTITION BY customer, name ORDER BY at, position)
),
numbered AS (
  SELECT *, sum(anew) OVER (PARTITION BY customer, name ORDER BY at, position ROWS UNBOUNDED PRECEDING) AS run FROM marked
)
SELECT customer, name AS what, mode(error) AS error, count(*) AS size, min(at) AS began, max(at) AS ended
FROM numbered WHERE failed GROUP BY customer, name, run HAVING count(*) > 1
ORDER BY began, customer, what
