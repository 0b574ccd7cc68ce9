-- Who the customer is, and what they are worth: contracts with their state, orders of the last days.
WITH steps AS (
  SELECT coalesce(subscription, key) AS contract, occurred_at, position, lower(change) AS change, plan, amount,
         lower(every) AS every, nullif(currency, '') AS currency, until, reason
  FROM subscriptions_whole WHERE customer = $customer
),
contracts AS (
  SELECT contract, min(occurred_at) AS since, arg_max(change, (occurred_at, position)) AS change,
         arg_max(plan, (occurred_at, position)) FILTER (WHERE plan IS NOT NULL) AS plan,
         arg_max(amount, (occurred_at, position)) FILTER (WHERE amount IS NOT NULL) AS amount,
         arg_max(every, (occurred_at, position)) FILTER (WHERE every IS NOT NULL) AS every,
         coalesce(arg_max(currency, (occurred_at, position)) FILTER (WHERE currency IS NOT NULL), '') AS currency,
         max(until) AS until, max(occurred_at) AS changed_at,
         arg_max(reason, (occurred_at, position)) FILTER (WHERE reason IS NOT NULL) AS reason
  FROM steps GROUP BY contract
)
SELECT 'contract' AS row, contract AS a, change AS b, plan AS c, every AS d, currency AS e, reason AS f,
       amount AS x, since AS at, changed_at AS until
FROM contracts
UNION ALL
SELECT 'orders', NULL, NULL, NULL, NULL, NULL, NULL,
       sum((amount - coalesce(refunded, 0)) * rate), min(occurred_at), max(occurred_at)
FROM orders_whole WHERE customer = $customer AND occurred_at + to_days($worth_days) >= $today
HAVING count(*) > 0
UNION ALL
SELECT 'person', coalesce(person, anonymous), arg_max(name, occurred_at) FILTER (WHERE name IS NOT NULL),
       arg_max(role, occurred_at) FILTER (WHERE role IS NOT NULL), arg_max(email, occurred_at) FILTER (WHERE email IS NOT NULL),
       min(account), NULL, NULL, min(occurred_at), max(occurred_at)
FROM profiles_whole WHERE customer = $customer AND coalesce(person, anonymous) IS NOT NULL
GROUP BY coalesce(person, anonymous)
UNION ALL
SELECT 'merged', coalesce(person, anonymous, account), m.into, NULL, NULL, NULL, NULL, NULL, max(occurred_at), NULL
FROM merges_whole AS m WHERE customer = $customer
GROUP BY coalesce(person, anonymous, account), m.into
HAVING NOT coalesce(arg_max(undo, (occurred_at, position)), FALSE)
UNION ALL
SELECT 'month', strftime(occurred_at, '%Y-%m'), NULL, NULL, NULL, NULL, NULL,
       sum((amount - coalesce(refunded, 0)) * rate), min(occurred_at), NULL
FROM orders_whole WHERE customer = $customer GROUP BY ALL
ORDER BY row, at, a
