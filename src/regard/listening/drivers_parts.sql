-- Scores of the parts of the experience given in the same response.
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
parts AS (
    SELECT response, customer, occurred_at AS at, coalesce(survey, '') AS survey, part, score, scale_min, scale_max
    FROM answers
    WHERE score IS NOT NULL AND coalesce(part, '') <> ''
)
SELECT p.id, q.part, avg(q.score) AS score, min(q.scale_min) AS scale_min, max(q.scale_max) AS scale_max
FROM picked AS p JOIN parts AS q ON q.response = p.response
WHERE coalesce(p.response, '') <> ''
GROUP BY p.id, q.part
UNION ALL
SELECT p.id, q.part, avg(q.score), min(q.scale_min), max(q.scale_max)
FROM picked AS p JOIN parts AS q ON q.customer = p.customer AND q.at = p.at AND q.survey = p.survey
WHERE coalesce(p.response, '') = '' AND coalesce(q.response, '') = ''
GROUP BY p.id, q.part
ORDER BY 1, 2
