-- Since when the log tells what customers do, within what is looked back over.
SELECT min(at) AS first FROM (
  SELECT min(occurred_at) AS at FROM events_ever WHERE occurred_at >= $history
  UNION ALL SELECT min(occurred_at) FROM orders_ever WHERE occurred_at >= $history
  UNION ALL SELECT min(occurred_at) FROM contacts_ever WHERE occurred_at >= $history
)
