-- What the customers who answered are worth by declaration, and the order their answer is about.
WITH valued AS (
    SELECT customer, value FROM worth WHERE $worth <> 'order' AND customer IN (SELECT customer FROM picked)
    UNION ALL
    SELECT p.customer, exact_sum(o.amount * o.rate)
    FROM (SELECT DISTINCT customer, about FROM picked WHERE about <> '') AS p
    JOIN orders_whole AS o ON coalesce(o.order_id, o.key) = p.about
    WHERE $worth = 'order'
    GROUP BY p.customer
)
SELECT customer, value FROM valued WHERE customer IS NOT NULL ORDER BY customer
