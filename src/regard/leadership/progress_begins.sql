-- The first signal of each sort that a measure is made of; customers active by month, read in the same pass.
WITH met AS (
  SELECT customer, month, min(occurred_at) AS at FROM events_ever WHERE customer IS NOT NULL GROUP BY customer, month
  UNION ALL
  SELECT customer, month, min(occurred_at) FROM orders_ever WHERE customer IS NOT NULL GROUP BY customer, month
  UNION ALL
  SELECT customer, month, min(occurred_at) FROM telemetry_ever WHERE customer IS NOT NULL GROUP BY customer, month
)
SELECT 'score' AS measure, CAST(NULL AS DATE) AS month, min(occurred_at) AS begins, count(*) AS n FROM scores_ever
UNION ALL
SELECT 'contacts', NULL, min(occurred_at), count(*) FROM contacts_ever
UNION ALL
SELECT 'promises', NULL, min(due_at), count(*) FROM promises_ever
UNION ALL
SELECT 'value', NULL, min(occurred_at), count(*) FROM subscriptions_ever
UNION ALL
SELECT 'active', month, min(at), count(DISTINCT customer) FROM met GROUP BY month
