-- Contracts that became dearer on the same plan in the days before the answer, and how long the customer has been one.
WITH steps AS (
    SELECT customer, occurred_at AS at, plan, amount, lower(change) AS change,
           lag(amount) OVER w AS amount_before, lag(plan) OVER w AS plan_before, lag(every) OVER w AS every_before, every
    FROM subscriptions_whole
    WHERE customer IN (SELECT customer FROM picked)
    WINDOW w AS (PARTITION BY customer, coalesce(subscription, key) ORDER BY occurred_at, position)
)
SELECT
    p.id,
    date_diff('second', min(s.at) FILTER (WHERE s.change = 'start'), any_value(p.at)) / 86400.0 AS tenure,
    count(*) FILTER (
        WHERE s.at >= p.at - to_days($days) AND s.amount > s.amount_before * 1.005
          AND s.plan IS NOT DISTINCT FROM s.plan_before AND s.every IS NOT DISTINCT FROM s.every_before
          AND s.change <> 'end'
    ) AS dearer
FROM picked AS p JOIN steps AS s ON s.customer = p.customer AND s.at < p.at
GROUP BY p.id
ORDER BY p.id
