-- What the base is counted from, per source: how much, since when, how much of it with a known customer, how late.
SELECT source, count(*) AS n, count(customer) AS known, min(occurred_at) AS begins, min(received_at) AS received,
       count(*) FILTER (WHERE occurred_at < $since AND received_at >= $since) AS late,
       bool_or(weight <> 1) AS weighted
FROM (
  SELECT source, customer, occurred_at, received_at, weight FROM subscriptions_whole
  WHERE $lost = 'subscription ends' OR $worth = 'recurring'
  UNION ALL
  SELECT source, customer, occurred_at, received_at, weight FROM orders_whole
  WHERE $lost IN ('no order', 'no activity') OR $worth = 'trailing'
  UNION ALL
  SELECT source, customer, occurred_at, received_at, weight FROM events_whole WHERE $lost = 'no activity'
  UNION ALL
  SELECT source, customer, occurred_at, received_at, weight FROM telemetry_whole WHERE $lost = 'no activity'
)
WHERE occurred_at < $until
GROUP BY source ORDER BY source
