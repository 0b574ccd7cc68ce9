-- Every answer with a score of the metric: those to be explained are picked from them (drivers.py) and kept as `picked`,
-- which the other statements of this stem read.
WITH said AS (
    SELECT position * 2 AS id, customer, occurred_at AS at, period, about, response, weight, score, scale_min,
           scale_max, coalesce(survey, '') AS survey
    FROM answers
    WHERE score IS NOT NULL AND coalesce(part, '') = ''
      AND lower(coalesce(nullif(metric, ''), 'score')) = $metric AND ($survey = '' OR coalesce(survey, '') = $survey)
    UNION ALL
    SELECT position * 2 + 1, customer, occurred_at, period, about, NULL, weight, score, scale_min, scale_max,
           'reviews'
    FROM reviews
    WHERE score IS NOT NULL AND lower(coalesce(nullif(metric, ''), 'stars')) = $metric
      AND ($survey = '' OR $survey = 'reviews')
)
SELECT id, customer, at, period, about, response, weight, score, scale_min, scale_max, survey
FROM said
ORDER BY id
