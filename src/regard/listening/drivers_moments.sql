-- Which moments of the journey the customer lived on the whole days before the answer, by event.
WITH named AS (
    SELECT u.name, m.stage, m.moment
    FROM (SELECT DISTINCT name FROM used) AS u
    JOIN moments AS m ON m.kind = 'event' AND (u.name = m.name OR (m.prefix AND starts_with(u.name, m.name)))
),
lived AS (
    SELECT DISTINCT p.id, u.name
    FROM used AS u
    JOIN picked AS p ON p.customer = u.customer AND u.day < CAST(p.at AS DATE) AND u.day >= CAST(p.at AS DATE) - $days
)
SELECT l.id, n.stage, n.moment, n.name
FROM lived AS l JOIN named AS n ON n.name = l.name
ORDER BY l.id, n.stage, n.moment, n.name
