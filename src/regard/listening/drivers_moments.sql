-- Which moments of the journey the customer lived on the whole days before the answer, by event.
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
named AS (
    SELECT e.name, m.stage, m.moment, m.stage_no, m.moment_no
    FROM (
        SELECT DISTINCT name FROM events_whole WHERE occurred_at >= $first AND occurred_at < $until
    ) AS e
    JOIN moments AS m ON m.kind = 'event' AND (e.name = m.name OR (m.prefix AND starts_with(e.name, m.name)))
),
lived AS (
    SELECT DISTINCT customer, CAST(occurred_at AS DATE) AS day, name
    FROM events_whole
    WHERE occurred_at >= $first AND occurred_at < $until AND customer IN (SELECT customer FROM picked)
      AND name IN (SELECT name FROM named)
)
SELECT DISTINCT p.id, n.stage, n.moment, n.name
FROM picked AS p
JOIN lived AS d ON d.customer = p.customer AND d.day < CAST(p.at AS DATE) AND d.day >= CAST(p.at AS DATE) - $days
JOIN named AS n ON n.name = d.name
ORDER BY p.id, n.stage, n.moment, n.name
