-- What each customer bought on each day up to the end of the period, in the company's currency, refunds taken off.
SELECT k.id, k.name, CAST(o.occurred_at AS DATE) AS day, exact_sum((o.amount - coalesce(o.refunded, 0)) * o.rate) AS amount
FROM orders_whole AS o JOIN customers AS k ON k.customer = o.customer
WHERE o.occurred_at < $until
GROUP BY k.id, k.name, CAST(o.occurred_at AS DATE)
ORDER BY k.id, day
