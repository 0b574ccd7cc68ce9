-- One row per customer of the base: what they are worth, whether a survey was sent to them in the period, whether they
-- answered it since, and whether they said anything at all.
WITH base AS (
    SELECT customer, value FROM worth WHERE $valued
    UNION ALL
    SELECT customer, CAST(NULL AS DOUBLE) FROM customers WHERE NOT $valued AND first_at < $until AND last_at >= $since
),
asked AS (
    SELECT customer, min(occurred_at) AS at
    FROM messages
    WHERE period = 'now' AND customer IS NOT NULL
      AND (lower(coalesce(topic, '')) LIKE 'survey%'
           OR topic IN (SELECT DISTINCT survey FROM answers_whole WHERE survey IS NOT NULL))
    GROUP BY customer
),
answered AS (
    SELECT customer, max(occurred_at) AS at FROM answers WHERE period = 'now' AND customer IS NOT NULL GROUP BY customer
),
spoken AS (
    SELECT customer FROM answers WHERE period = 'now'
    UNION SELECT customer FROM reviews WHERE period = 'now'
    UNION SELECT customer FROM contacts WHERE period = 'now'
)
SELECT
    b.customer, k.slice, b.value,
    asked.at IS NOT NULL AS asked,
    coalesce(answered.at >= asked.at, answered.at IS NOT NULL) AS answered,
    s.customer IS NOT NULL AS spoken
FROM base AS b
JOIN customers AS k ON k.customer = b.customer
LEFT JOIN asked ON asked.customer = b.customer
LEFT JOIN answered ON answered.customer = b.customer
LEFT JOIN spoken AS s ON s.customer = b.customer
ORDER BY b.customer
