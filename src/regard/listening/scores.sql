-- One row per score of the metric: what was given, by whom, when.
SELECT
    coalesce(customer, -position) AS customer, customer IS NOT NULL AS known,
    slice, slices, period, day, week, month, weight, score, scale_min, scale_max, survey
FROM scores_ever
WHERE metric = $metric AND part = $part
  AND ($survey = '' OR survey = $survey)
  AND occurred_at >= $first
  AND occurred_at < $until
ORDER BY position
