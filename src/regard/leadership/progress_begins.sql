-- The first signal of each sort that a measure is made of.
SELECT 'score' AS measure, min(occurred_at) AS begins FROM scores_ever
UNION ALL
SELECT 'contacts', min(occurred_at) FROM contacts_ever
UNION ALL
SELECT 'promises', min(due_at) FROM promises_ever
UNION ALL
SELECT 'active', min(at) FROM (
  SELECT min(occurred_at) AS at FROM events_ever
  UNION ALL
  SELECT min(occurred_at) FROM orders_ever
  UNION ALL
  SELECT min(occurred_at) FROM telemetry_ever
)
UNION ALL
SELECT 'value', min(at) FROM (
  SELECT min(occurred_at) AS at FROM subscriptions_ever UNION ALL SELECT min(occurred_at) FROM orders_ever
)
