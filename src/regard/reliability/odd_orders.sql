-- The same line ordered again and again: clusters of orders of one product, number and amount, each within the window.
WITH lines AS (
  SELECT customer, coalesce(product, '') AS product, coalesce(quantity, 0) AS quantity, amount, occurred_at, position,
         coalesce(order_id, key, CAST(position AS VARCHAR)) AS order_id
  FROM orders_ever
  WHERE occurred_at >= $history AND occurred_at < $now AND customer IS NOT NULL
),
once AS (
  SELECT customer, product, quantity, amount, order_id, min(occurred_at) AS at FROM lines GROUP BY ALL
),
marked AS (
  SELECT *, CASE WHEN at - lag(at) OVER w <= to_seconds($window) THEN 0 ELSE 1 END AS anew
  FROM once WINDOW w AS (PARTITION BY customer, product, quantity, amount ORDER BY at, order_id)
),
numbered AS (
  SELECT *, sum(anew) OVER (PARTITION BY customer, product, quantity, amount ORDER BY at, order_id
                            ROWS UNBOUNDED PRECEDING) AS cluster
  FROM marked
)
SELECT customer, product AS what, count(*) AS size, min(at) AS began, max(at) AS ended
FROM numbered GROUP BY customer, product, quantity, amount, cluster HAVING count(*) > 1
ORDER BY began, customer, what
