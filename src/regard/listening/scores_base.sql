-- How many customers of the base stand in each slice: who is worth something by declaration, else who was seen.
WITH base AS (
    SELECT customer, value FROM worth WHERE $valued
    UNION ALL
    SELECT customer, CAST(NULL AS DOUBLE) FROM customers WHERE NOT $valued AND first_at < $until AND last_at >= $since
)
SELECT k.slice, count(*) AS n
FROM base AS b JOIN customers AS k ON k.customer = b.customer
GROUP BY k.slice
ORDER BY k.slice
