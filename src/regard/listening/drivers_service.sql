-- How the service measured for the customer, on the whole days before the answer.
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
days AS (
    SELECT customer, name, CAST(occurred_at AS DATE) AS day, sum(good) AS good, sum(total) AS total
    FROM telemetry_whole
    WHERE occurred_at >= $first AND occurred_at < $until AND total > 0 AND customer IN (SELECT customer FROM picked)
    GROUP BY 1, 2, 3
)
SELECT p.id, d.name, sum(d.good) / sum(d.total) AS good
FROM picked AS p
JOIN days AS d ON d.customer = p.customer AND d.day < CAST(p.at AS DATE) AND d.day >= CAST(p.at AS DATE) - $days
GROUP BY p.id, d.name
ORDER BY p.id, d.name
