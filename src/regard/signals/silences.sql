-- Every day on which a customer showed up before the end of the period: ordered, or did anything where that is declared.
WITH signs AS (
  SELECT customer, occurred_at AS at, coalesce((amount - coalesce(refunded, 0)) * rate, 0) AS amount
  FROM orders_whole WHERE customer IS NOT NULL AND occurred_at < $until
  UNION ALL
  SELECT customer, occurred_at, 0 FROM events_whole WHERE $anything AND customer IS NOT NULL AND occurred_at < $until
  UNION ALL
  SELECT customer, occurred_at, 0 FROM telemetry_whole WHERE $anything AND customer IS NOT NULL AND occurred_at < $until
)
SELECT customer, min(at) AS first_at, max(at) AS last_at, exact_sum(amount) AS amount
FROM signs WHERE customer IN (SELECT customer FROM customers)
GROUP BY customer, CAST(at AS DATE)
ORDER BY customer, first_at
