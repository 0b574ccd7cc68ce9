-- One row per answer or review with a score of the metric: what was given, by whom, when.
WITH given AS (
    SELECT
        position, customer, slice, slices, period, day, week, month, weight, occurred_at, score, scale_min, scale_max,
        coalesce(survey, '') AS survey,
        lower(coalesce(nullif(metric, ''), 'score')) AS metric
    FROM answers_ever
    WHERE score IS NOT NULL AND coalesce(part, '') = $part
    UNION ALL
    SELECT
        position, customer, slice, slices, period, day, week, month, weight, occurred_at, score, scale_min, scale_max,
        'reviews' AS survey,
        lower(coalesce(nullif(metric, ''), 'stars')) AS metric
    FROM reviews_ever
    WHERE score IS NOT NULL AND $part = ''
)
SELECT
    coalesce(customer, -position) AS customer, customer IS NOT NULL AS known,
    slice, slices, period, day, week, month, weight, score, scale_min, scale_max, survey
FROM given
WHERE metric = $metric
  AND ($survey = '' OR survey = $survey)
  AND occurred_at >= $first
  AND occurred_at < $until
ORDER BY position
