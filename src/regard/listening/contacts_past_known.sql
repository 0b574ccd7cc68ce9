-- Customers first known in each stretch of days before the period, counted back from it.
SELECT
    CAST(floor(date_diff('second', first_at, $since) / (86400.0 * $days)) AS INTEGER) AS stretch,
    count(*) AS customers
FROM customers
WHERE first_at < $since
GROUP BY 1
ORDER BY 1
