-- How many customers have bought exactly once so far, and how many contracts stand on doubtful ground.
WITH buyers AS (
  SELECT customer, min(coalesce(order_id, key, CAST(position AS VARCHAR))) AS low,
         max(coalesce(order_id, key, CAST(position AS VARCHAR))) AS high
  FROM orders_whole
  WHERE $lost <> 'subscription ends' AND customer IS NOT NULL AND occurred_at < $until
  GROUP BY customer
),
contracts AS (
  SELECT lower(arg_min(change, (occurred_at, position))) AS first_change,
         lower(arg_max(change, (occurred_at, position))) AS last_change, max(until) AS paid_until
  FROM subscriptions_whole
  WHERE ($lost = 'subscription ends' OR $worth = 'recurring') AND customer IS NOT NULL
  GROUP BY customer, coalesce(subscription, key)
)
SELECT (SELECT count(*) FROM buyers) AS buyers,
       (SELECT count(*) FROM buyers WHERE low = high) AS once,
       (SELECT count(*) FROM contracts WHERE first_change <> 'start') AS headless,
       (SELECT count(*) FROM contracts WHERE last_change <> 'end' AND paid_until < $until) AS overdue
