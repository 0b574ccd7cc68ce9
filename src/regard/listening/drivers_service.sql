-- How the service measured for the customer, on the whole days before the answer: by the dozen measurements most
-- customers have, for a service that sends its spans has hundreds of names.
WITH days AS (
    SELECT customer, name, CAST(occurred_at AS DATE) AS day, sum(good) AS good, sum(total) AS total
    FROM telemetry_whole
    WHERE occurred_at >= $first AND occurred_at < $until AND total > 0 AND customer IN (SELECT customer FROM picked)
    GROUP BY 1, 2, 3
)
SELECT p.id, d.name, sum(d.good) / sum(d.total) AS good
FROM picked AS p
JOIN days AS d ON d.customer = p.customer AND d.day < CAST(p.at AS DATE) AND d.day >= CAST(p.at AS DATE) - $days
WHERE d.name IN (SELECT name FROM days GROUP BY name ORDER BY count(DISTINCT customer) DESC, name LIMIT 12)
GROUP BY p.id, d.name
ORDER BY p.id, d.name
