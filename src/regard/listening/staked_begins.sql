-- When the first of what customers may meet was recorded.
SELECT min(at) AS at FROM (
  SELECT min(occurred_at) AS at FROM events_whole
  UNION ALL
  SELECT min(due_at) FROM promises_whole
  UNION ALL
  SELECT min(occurred_at) FROM contacts_whole
)
