-- Use and errors of the customer on the whole days before the answer.
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
    SELECT customer, CAST(occurred_at AS DATE) AS day, count(*) AS events,
           count(*) FILTER (WHERE coalesce(error, '') <> '') AS errors
    FROM events_whole
    WHERE occurred_at >= $first AND occurred_at < $until AND customer IN (SELECT customer FROM picked)
    GROUP BY 1, 2
)
SELECT p.id, sum(d.events) AS events, sum(d.errors) AS errors, count(*) AS days
FROM picked AS p
JOIN days AS d ON d.customer = p.customer AND d.day < CAST(p.at AS DATE) AND d.day >= CAST(p.at AS DATE) - $days
GROUP BY p.id
ORDER BY p.id
