-- Promises about the same order or contact, and the customer's others that fell due in the days before the answer:
-- what is told as the one is left out of the other, so that no fact stands beside its own double.
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
)
SELECT p.id, p.at, 'this' AS reach, coalesce(r.promise, '') AS promise, r.due_at, coalesce(r.due_by, '') AS due_by,
       r.kept_at, r.withdrawn_at
FROM picked AS p JOIN promises_whole AS r ON r.about = p.about
WHERE p.about <> ''
UNION ALL
SELECT p.id, p.at, 'recent', coalesce(r.promise, ''), r.due_at, coalesce(r.due_by, ''), r.kept_at, r.withdrawn_at
FROM picked AS p JOIN promises_whole AS r ON r.customer = p.customer
WHERE r.due_at >= p.at - to_days($days) AND r.due_at < p.at AND (p.about IS NULL OR r.about IS DISTINCT FROM p.about)
ORDER BY id, reach, promise, due_at
