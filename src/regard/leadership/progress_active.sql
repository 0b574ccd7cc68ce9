-- Customers who did something, bought something or were measured, by week (by month: progress_begins.sql).
WITH edges AS (SELECT unnest($starts) AS since),
met AS (
  SELECT customer, occurred_at FROM events_ever WHERE customer IS NOT NULL AND occurred_at >= $first AND occurred_at < $latest
  UNION ALL
  SELECT customer, occurred_at FROM orders_ever WHERE customer IS NOT NULL AND occurred_at >= $first AND occurred_at < $latest
  UNION ALL
  SELECT customer, occurred_at FROM telemetry_ever WHERE customer IS NOT NULL AND occurred_at >= $first AND occurred_at < $latest
)
SELECT e.since, count(DISTINCT m.customer) AS n
FROM met AS m ASOF JOIN edges AS e ON m.occurred_at >= e.since
GROUP BY e.since ORDER BY e.since
