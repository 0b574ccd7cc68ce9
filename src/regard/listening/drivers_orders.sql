-- Orders: the one the answer is about, and others of the days before it.
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
bought AS (
    SELECT p.id, 'this' AS reach, o.amount * o.rate AS amount, o.refunded, o.category
    FROM picked AS p JOIN orders_whole AS o ON coalesce(o.order_id, o.key) = p.about
    WHERE p.about <> ''
    UNION ALL
    SELECT p.id, 'recent', o.amount * o.rate, o.refunded, o.category
    FROM picked AS p JOIN orders_whole AS o ON o.customer = p.customer
    WHERE o.occurred_at >= p.at - to_days($days) AND o.occurred_at < p.at
      AND (p.about IS NULL OR coalesce(o.order_id, o.key) IS DISTINCT FROM p.about)
)
SELECT id, reach, count(*) AS lines, sum(amount) AS amount, count(*) FILTER (WHERE refunded > 0) AS refunds
FROM bought
GROUP BY id, reach
ORDER BY id, reach
