-- Of customers seen from their start on: how many days it took them to reach each moment for the first time.
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
    SELECT e.name, m.stage, m.moment
    FROM (SELECT DISTINCT name FROM events_whole) AS e
    JOIN moments AS m ON m.kind = 'event' AND (e.name = m.name OR (m.prefix AND starts_with(e.name, m.name)))
),
started AS (
    SELECT customer, min(occurred_at) AS at FROM subscriptions_whole WHERE lower(change) = 'start' GROUP BY customer
),
begun AS (
    SELECT c.customer, coalesce(s.at, c.first_at) AS at
    FROM customers AS c LEFT JOIN started AS s USING (customer)
    WHERE c.customer IN (SELECT customer FROM picked)
      AND coalesce(s.at, c.first_at) > (SELECT min(occurred_at) FROM events_whole)
),
reached AS (
    SELECT e.customer, n.stage, n.moment, min(e.occurred_at) AS at
    FROM events_whole AS e JOIN named AS n ON n.name = e.name
    WHERE e.customer IN (SELECT customer FROM begun)
    GROUP BY e.customer, n.stage, n.moment
)
SELECT p.id, date_diff('second', b.at, p.at) / 86400.0 AS tenure, r.stage, r.moment,
       date_diff('second', b.at, r.at) / 86400.0 AS days
FROM picked AS p JOIN begun AS b ON b.customer = p.customer LEFT JOIN reached AS r ON r.customer = p.customer
WHERE p.at > b.at
ORDER BY p.id, r.stage, r.moment
