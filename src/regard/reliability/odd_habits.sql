-- Each customer's habit before the days looked at, by kind: how much, how unevenly, since how many days.
WITH did AS (
  SELECT customer, 'event' AS kind, day, count(*) AS size
  FROM events_ever WHERE occurred_at >= $history AND occurred_at < $begin AND customer IS NOT NULL GROUP BY ALL
  UNION ALL
  SELECT customer, 'order', day, count(DISTINCT coalesce(order_id, key))
  FROM orders_ever WHERE occurred_at >= $history AND occurred_at < $begin AND customer IS NOT NULL GROUP BY ALL
  UNION ALL
  SELECT customer, 'contact', day, count(*)
  FROM contacts_ever WHERE occurred_at >= $history AND occurred_at < $begin AND customer IS NOT NULL GROUP BY ALL
)
SELECT kind, customer, sum(size) AS total, sum(size * size) AS squares,
       date_diff('day', min(day), CAST($begin AS DATE)) + 1 AS days
FROM did GROUP BY ALL ORDER BY kind, customer
