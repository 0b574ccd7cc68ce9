-- How often we wrote to the customer in the days before the answer, surveys left out.
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
SELECT p.id, count(*) AS messages
FROM picked AS p JOIN messages_whole AS m ON m.customer = p.customer
WHERE m.occurred_at >= p.at - to_days($days) AND m.occurred_at < p.at
  AND NOT starts_with(lower(coalesce(m.topic, '')), 'survey')
GROUP BY p.id
ORDER BY p.id
