-- How many customers of the base stand in each slice: who is worth something by declaration, else who was seen.
WITH steps AS (
    SELECT customer, lower(change) AS change, lead(occurred_at) OVER w AS next_at
    FROM subscriptions_whole
    WHERE $worth = 'recurring' AND occurred_at < $until
    WINDOW w AS (PARTITION BY customer, coalesce(subscription, key) ORDER BY occurred_at, position)
),
base AS (
    SELECT customer FROM steps WHERE next_at IS NULL AND change <> 'end'
    UNION
    SELECT customer FROM orders_whole
    WHERE $worth = 'trailing' AND occurred_at >= $until - to_days($worth_days) AND occurred_at < $until
    UNION
    SELECT customer FROM customers WHERE $worth = '' AND first_at < $until AND last_at >= $since
)
SELECT k.slice, count(*) AS n
FROM base AS b JOIN customers AS k ON k.customer = b.customer
GROUP BY k.slice
ORDER BY k.slice
