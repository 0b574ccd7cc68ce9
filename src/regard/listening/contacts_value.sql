-- What the customers who asked are worth, by area and issue: each counted once a cell, however often they ask.
WITH who AS (
    SELECT DISTINCT
        coalesce(nullif(area, ''), 'unknown') AS area, coalesce(nullif(issue, ''), 'unknown') AS issue, customer
    FROM contacts
    WHERE period = 'now' AND customer IS NOT NULL
)
SELECT w.area, w.issue, exact_sum(coalesce(e.value, 0)) AS value
FROM who AS w LEFT JOIN worth AS e ON e.customer = w.customer
GROUP BY w.area, w.issue
ORDER BY w.area, w.issue
