-- Whether a contract became dearer on the same plan in the days before each moment picked, and the plan then.
WITH steps AS (
  SELECT customer, occurred_at AS at, plan, amount, lower(change) AS change, every,
         lag(amount) OVER w AS amount_before, lag(plan) OVER w AS plan_before, lag(every) OVER w AS every_before
  FROM subscriptions_whole
  WHERE customer IN (SELECT customer FROM picked)
  WINDOW w AS (PARTITION BY customer, coalesce(subscription, key) ORDER BY occurred_at, position)
)
SELECT p.id, arg_max(s.plan, s.at) FILTER (WHERE s.change <> 'end' AND s.plan IS NOT NULL) AS plan,
       count(*) FILTER (
         WHERE s.at >= p.at - to_days($days) AND s.amount > s.amount_before * 1.005 AND s.change <> 'end'
           AND s.plan IS NOT DISTINCT FROM s.plan_before AND s.every IS NOT DISTINCT FROM s.every_before
       ) AS dearer
FROM picked AS p JOIN steps AS s ON s.customer = p.customer AND s.at < p.at
GROUP BY p.id
ORDER BY p.id
