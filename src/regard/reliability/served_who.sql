-- The customers kept as not served well, by name, with what they met most often and when it last went wrong.
WITH met AS (
    SELECT no, customer, mode(error) AS error, max(occurred_at) FILTER (good < total) AS last_at
    FROM attempts
    WHERE period = 'now' AND customer IN (SELECT customer FROM shown)
    GROUP BY no, customer
)
SELECT s.place, coalesce(c.name, c.id) AS name, c.id AS id, m.error, m.last_at
FROM shown AS s
LEFT JOIN lake_customer AS c ON c.customer = s.customer
LEFT JOIN met AS m ON m.customer = s.customer AND m.no = s.no
ORDER BY s.place
