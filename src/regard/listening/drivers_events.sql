-- Use and errors of the customer on the whole days before the answer.
WITH days AS (
    SELECT customer, day, sum(events) AS events, sum(errors) AS errors FROM used GROUP BY customer, day
)
SELECT p.id, sum(d.events) AS events, sum(d.errors) AS errors, count(*) AS days
FROM picked AS p
JOIN days AS d ON d.customer = p.customer AND d.day < CAST(p.at AS DATE) AND d.day >= CAST(p.at AS DATE) - $days
GROUP BY p.id
ORDER BY p.id
