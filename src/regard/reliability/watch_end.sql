-- Up to when the log speaks about the period: its last signal before the end, by kind.
SELECT max(at) AS last FROM (
  SELECT max(occurred_at) AS at FROM events_ever WHERE occurred_at < $until
  UNION ALL SELECT max(occurred_at) FROM telemetry_ever WHERE occurred_at < $until
  UNION ALL SELECT max(occurred_at) FROM contacts_ever WHERE occurred_at < $until
)
