-- Every score of the metric: those to be explained are picked from them (drivers.py) and kept as `picked`, which the
-- other statements of this stem read.
SELECT id, customer, occurred_at AS at, period, about, response, weight, score, scale_min, scale_max, survey
FROM scores
WHERE metric = $metric AND part = '' AND ($survey = '' OR survey = $survey)
ORDER BY id
