-- Of those who came along a path, how many went on one way and not the other, by group and the time they began it. The walk is
-- that of journey/paths with only these steps looked at: the first of each customer and stretch of time, immediate repeats one
-- step; a test holds the two together.
WITH edges AS (SELECT unnest($starts) AS since),
named AS (
  SELECT customer, slice, occurred_at, position, name,
         CASE WHEN lag(name) OVER (PARTITION BY customer ORDER BY occurred_at, position) = name THEN 0 ELSE 1 END AS other
  FROM events_ever
  WHERE customer IS NOT NULL AND name IN ($first, $last, $reaches, $instead) AND name <> ''
),
numbered AS (
  SELECT customer, slice, occurred_at, position, name,
         sum(other) OVER (PARTITION BY customer ORDER BY occurred_at, position) AS step
  FROM named
),
steps AS (SELECT DISTINCT customer, step, name FROM numbered),
begun AS (
  SELECT n.customer, n.slice, n.step, e.since
  FROM numbered AS n ASOF JOIN edges AS e ON n.occurred_at >= e.since
  WHERE n.name = CASE WHEN $first = '' THEN $last ELSE $first END AND n.occurred_at < $latest AND n.slice IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY n.customer, e.since ORDER BY n.occurred_at, n.position) = 1
),
went AS (
  SELECT b.slice, b.since, CASE WHEN $first = '' THEN second.name ELSE third.name END AS name
  FROM begun AS b
  JOIN steps AS second ON second.customer = b.customer AND second.step = b.step + 1
  LEFT JOIN steps AS third ON third.customer = b.customer AND third.step = b.step + 2
  WHERE $first = '' OR second.name = $last
)
SELECT slice, since, count(*) AS n, 100.0 * avg(CASE WHEN name = $reaches THEN 1 ELSE 0 END) AS value
FROM went WHERE name IN ($reaches, $instead)
GROUP BY slice, since ORDER BY slice, since
