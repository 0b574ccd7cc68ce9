-- Orders: the one the answer is about, and others of the days before it.
WITH bought AS (
    SELECT p.id, 'this' AS reach, o.amount * o.rate AS amount, o.refunded, o.category
    FROM picked AS p JOIN orders_whole AS o ON coalesce(o.order_id, o.key) = p.about
    WHERE p.about <> ''
    UNION ALL
    SELECT p.id, 'recent', o.amount * o.rate, o.refunded, o.category
    FROM picked AS p JOIN orders_whole AS o ON o.customer = p.customer
    WHERE o.occurred_at >= p.at - to_days($days) AND o.occurred_at < p.at
      AND (p.about IS NULL OR coalesce(o.order_id, o.key) IS DISTINCT FROM p.about)
)
SELECT id, reach, count(*) AS lines, sum(amount) AS amount, count(*) FILTER (WHERE refunded > 0) AS refunds
FROM bought
GROUP BY id, reach
ORDER BY id, reach
