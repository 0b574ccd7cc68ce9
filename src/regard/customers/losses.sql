-- Order value by what the customer said of the order: per period and slice, and in total (slice null).
-- An order's score is that of its latest answer or review as a whole; one order with several sellers counts for each.
-- Of customers: the latest score each gave by the end of the period stands for all they ordered in it.
WITH same AS (
  SELECT key, min(order_id) AS order_id FROM orders_whole
  WHERE key IS NOT NULL AND order_id IS NOT NULL AND key <> order_id GROUP BY key
),
rated AS (
  SELECT CASE WHEN $of = 'customer' THEN CAST(g.customer AS VARCHAR) ELSE coalesce(s.order_id, g.about) END AS unit,
         arg_max(CASE WHEN $low IS NULL THEN g.class = -1 ELSE g.score <= $low END, (g.occurred_at, g.position)) AS low
  FROM scores_whole AS g LEFT JOIN same AS s ON s.key = g.about
  WHERE g.part = '' AND ($metric = '' OR g.metric = $metric) AND g.occurred_at < CASE WHEN $of = 'customer' THEN $until ELSE TIMESTAMP '2900-01-01' END
  GROUP BY 1
),
lines AS (
  SELECT o.period, o.slice, coalesce(o.order_id, o.key) AS about, o.customer, o.weight, o.amount * o.rate AS amount
  FROM orders AS o
),
whole AS (
  SELECT period, slice, about, min(customer) AS customer, max(weight) AS weight, sum(amount) AS amount,
         count(*) FILTER (WHERE amount IS NULL) AS unvalued
  FROM lines GROUP BY period, slice, about
  UNION ALL
  SELECT period, NULL, about, min(customer), max(weight), sum(amount),
         count(*) FILTER (WHERE amount IS NULL)
  FROM lines GROUP BY period, about
),
-- By customers, all the scored orders of one customer weigh as one order.
scored AS (
  SELECT w.*, r.low,
         CASE WHEN $count = 'customers'
           THEN w.weight / count(r.low) OVER (PARTITION BY w.period, w.slice, coalesce(CAST(w.customer AS VARCHAR), w.about))
           ELSE w.weight END AS trial
  FROM whole AS w
  LEFT JOIN rated AS r ON r.unit = CASE WHEN $of = 'customer' THEN CAST(w.customer AS VARCHAR) ELSE w.about END
)
SELECT w.period, w.slice, count(*) AS orders, count(DISTINCT w.customer) AS customers,
       CAST(sum(w.unvalued) AS BIGINT) AS unvalued,
       count(*) FILTER (WHERE w.low IS NOT NULL) AS rated, count(*) FILTER (WHERE w.low) AS low,
       count(DISTINCT w.customer) FILTER (WHERE w.low IS NOT NULL) AS rated_customers,
       count(DISTINCT w.customer) FILTER (WHERE w.low) AS low_customers,
       exact_sum(w.amount) AS value_rows, exact_sum(w.amount * w.weight) AS value,
       exact_sum(CASE WHEN w.low IS NOT NULL THEN w.amount * w.weight END) AS rated_value,
       exact_sum(CASE WHEN w.low THEN w.amount END) AS low_value_rows,
       exact_sum(CASE WHEN w.low THEN w.amount * w.weight END) AS low_value,
       exact_sum(1e6 * CASE WHEN w.low IS NOT NULL THEN w.trial END) / 1e6 AS rated_weight,
       exact_sum(1e6 * CASE WHEN w.low THEN w.trial END) / 1e6 AS low_weight,
       max(w.trial) FILTER (WHERE w.low IS NOT NULL) AS heaviest,
       bool_or(w.weight <> 1) AS weighted
FROM scored AS w
GROUP BY w.period, w.slice
ORDER BY w.period, w.slice
