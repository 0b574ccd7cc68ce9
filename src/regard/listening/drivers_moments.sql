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
numbered AS (SELECT *, row_number() OVER () AS no FROM named),
lived AS (
    SELECT DISTINCT p.id, n.no
    FROM events_whole AS e
    JOIN numbered AS n ON n.name = e.name
    JOIN picked AS p ON p.customer = e.customer
    WHERE e.occurred_at >= $first AND e.occurred_at < $until
      AND CAST(e.occurred_at AS DATE) < CAST(p.at AS DATE)
      AND CAST(e.occurred_at AS DATE) >= CAST(p.at AS DATE) - $days
)
SELECT l.id, n.stage, n.moment, n.name
FROM lived AS l JOIN numbered AS n ON n.no = l.no
ORDER BY l.id, n.stage, n.moment, n.name
