-- Contracts that became dearer on the same plan in the days before the answer, and how long the customer has been one.
WITH said AS (
    SELECT position * 2 AS id, customer, occurred_at AS at, period, about, response, weight, score, scale_min,
           scale_max, coalesce(survey, '') AS survey, slice
    FROM answers
    WHERE score IS NOT NULL AND coalesce(part, '') = ''
      AND lower(coalesce(nullif(metric, ''), 'score')) = $metric AND ($survey = '' OR coalesce(survey, '') = $survey)
    UNION ALL
    SELECT position * 2 + 1, customer, occurred_at, period, about, NULL, weight, score, scale_min, scale_max,
           'reviews', slice
    FROM reviews
    WHERE score IS NOT NULL AND lower(coalesce(nullif(metric, ''), 'stars')) = $metric
      AND ($survey = '' OR $survey = 'reviews')
),
picked AS (
    SELECT * FROM said WHERE (period = 'now' OR $both) AND id % 1000003 * 7919 % 1000003 < $keep
),
steps AS (
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
