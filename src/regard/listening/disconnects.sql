-- Customers with a score in the period and some use in it or before it: the last score, days of use in both, their worth.
WITH said AS (
    SELECT customer, arg_max(score, occurred_at) AS score, arg_max(class, occurred_at) AS class
    FROM scores
    WHERE period = 'now' AND part = '' AND metric = $metric AND class IS NOT NULL AND customer IS NOT NULL
    GROUP BY customer
),
met AS (
    SELECT customer, period, day FROM events WHERE customer IS NOT NULL
    UNION ALL SELECT customer, period, day FROM orders WHERE customer IS NOT NULL
    UNION ALL SELECT customer, period, day FROM telemetry WHERE customer IS NOT NULL
),
used AS (
    SELECT customer,
           count(DISTINCT day) FILTER (WHERE period = 'now') AS now,
           count(DISTINCT day) FILTER (WHERE period = 'before') AS before
    FROM met
    GROUP BY customer
)
SELECT s.customer, k.id, coalesce(k.name, k.id) AS name, k.slice, s.score, s.class,
       u.now AS used, u.before AS used_before, e.value
FROM said AS s
JOIN used AS u ON u.customer = s.customer
JOIN customers AS k ON k.customer = s.customer
LEFT JOIN worth AS e ON e.customer = s.customer
ORDER BY s.customer
