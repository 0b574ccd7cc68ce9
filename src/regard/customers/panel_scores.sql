-- The last two scores of each customer before each moment picked, within a year: class and value, with their scale.
WITH said AS (
  SELECT p.id, g.class, g.score, g.scale_min, g.scale_max, g.metric,
         row_number() OVER (PARTITION BY p.id ORDER BY g.occurred_at DESC, g.position DESC) AS place
  FROM picked AS p JOIN scores_whole AS g ON g.customer = p.customer
  WHERE g.part = '' AND g.occurred_at >= p.at - to_days(365) AND g.occurred_at < p.at AND g.class IS NOT NULL
)
SELECT a.id, a.class, CASE WHEN a.metric = b.metric AND a.scale_max > a.scale_min
         THEN (a.score - b.score) / (a.scale_max - a.scale_min) END AS moved
FROM said AS a LEFT JOIN said AS b ON b.id = a.id AND b.place = 2
WHERE a.place = 1
ORDER BY a.id
