-- Of those who came along a path, how many went on one way and not the other, by group and the time they came along.
WITH edges AS (SELECT unnest($starts) AS since),
came AS (
  SELECT b.slice, b.customer, b.occurred_at
  FROM events_ever AS b
  WHERE b.name = $last AND b.occurred_at < $latest AND b.slice IS NOT NULL
    AND ($first = '' OR EXISTS (
      SELECT 1 FROM events_ever AS a
      WHERE a.customer = b.customer AND a.name = $first AND a.occurred_at <= b.occurred_at
    ))
),
ways AS (SELECT customer, occurred_at, name FROM events_ever WHERE name = $reaches OR name = $instead),
went AS (
  SELECT c.slice, c.customer, c.occurred_at, w.name
  FROM came AS c ASOF JOIN ways AS w ON c.customer = w.customer AND w.occurred_at >= c.occurred_at
)
SELECT t.slice, e.since, count(*) AS n, 100.0 * avg(CASE WHEN t.name = $reaches THEN 1 ELSE 0 END) AS value
FROM went AS t ASOF JOIN edges AS e ON t.occurred_at >= e.since
GROUP BY t.slice, e.since ORDER BY t.slice, e.since
