-- What the customers who answered are worth by declaration, and the order their answer is about.
WITH steps AS (
    SELECT customer, lower(change) AS change, occurred_at AS at,
           lead(occurred_at) OVER w AS next_at,
           amount * rate * CASE lower(every) WHEN 'month' THEN 12 WHEN 'quarter' THEN 4 WHEN 'year' THEN 1 END AS yearly
    FROM subscriptions_whole
    WHERE $worth = 'recurring' AND occurred_at < $until AND customer IN (SELECT customer FROM picked)
    WINDOW w AS (PARTITION BY customer, coalesce(subscription, key) ORDER BY occurred_at, position)
),
worth AS (
    SELECT customer, sum(yearly) AS value FROM steps WHERE next_at IS NULL AND change <> 'end' GROUP BY customer
    UNION ALL
    SELECT customer, sum((amount - coalesce(refunded, 0)) * rate)
    FROM orders_whole
    WHERE $worth = 'trailing' AND occurred_at >= $until - to_days($worth_days) AND occurred_at < $until
      AND customer IN (SELECT customer FROM picked)
    GROUP BY customer
    UNION ALL
    SELECT p.customer, sum(o.amount * o.rate)
    FROM (SELECT DISTINCT customer, about FROM picked WHERE about <> '') AS p
    JOIN orders_whole AS o ON coalesce(o.order_id, o.key) = p.about
    WHERE $worth = 'order'
    GROUP BY p.customer
)
SELECT customer, sum(value) AS value FROM worth WHERE customer IS NOT NULL GROUP BY customer ORDER BY customer
