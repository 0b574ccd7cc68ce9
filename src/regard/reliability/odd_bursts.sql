-- Days on which a customer did much, by kind: at least five things, and at least twice what its days usually bring.
WITH did AS (
  SELECT customer, 'event' AS kind, day, count(*) AS size, min(occurred_at) AS began, max(occurred_at) AS ended
  FROM events_ever WHERE occurred_at >= $history AND occurred_at < $now AND customer IS NOT NULL GROUP BY ALL
  UNION ALL
  SELECT customer, 'order', day, count(DISTINCT coalesce(order_id, key)), min(occurred_at), max(occurred_at)
  FROM orders_ever WHERE occurred_at >= $history AND occurred_at < $now AND customer IS NOT NULL GROUP BY ALL
  UNION ALL
  SELECT customer, 'contact', day, count(*), min(occurred_at), max(occurred_at)
  FROM contacts_ever WHERE occurred_at >= $history AND occurred_at < $now AND customer IS NOT NULL GROUP BY ALL
),
usual AS (
  SELECT kind, customer, sum(size) / (date_diff('day', min(day), CAST($now AS DATE)) + 1.0) AS rate FROM did GROUP BY ALL
)
SELECT d.kind, d.customer, d.day, d.size, d.began, d.ended
FROM did AS d JOIN usual AS u ON u.kind = d.kind AND u.customer = d.customer
WHERE d.size >= 5 AND d.size >= 2 * u.rate
ORDER BY d.kind, d.customer, d.day
