-- What the customers who asked are worth, by area and issue: each counted once a cell, however often they ask.
WITH who AS (
    SELECT DISTINCT
        coalesce(nullif(area, ''), 'unknown') AS area, coalesce(nullif(issue, ''), 'unknown') AS issue, customer
    FROM contacts
    WHERE period = 'now' AND customer IS NOT NULL
),
steps AS (
    SELECT customer, lower(change) AS change, lead(occurred_at) OVER w AS next_at,
           amount * rate * CASE lower(every) WHEN 'month' THEN 12 WHEN 'quarter' THEN 4 WHEN 'year' THEN 1 END AS yearly
    FROM subscriptions_whole
    WHERE $worth = 'recurring' AND occurred_at < $until AND customer IN (SELECT customer FROM who)
    WINDOW w AS (PARTITION BY customer, coalesce(subscription, key) ORDER BY occurred_at, position)
),
worth AS (
    SELECT customer, yearly AS value FROM steps WHERE next_at IS NULL AND change <> 'end'
    UNION ALL
    SELECT customer, (amount - coalesce(refunded, 0)) * rate
    FROM orders_whole
    WHERE $worth = 'trailing' AND occurred_at >= $until - to_days($worth_days) AND occurred_at < $until
      AND customer IN (SELECT customer FROM who)
),
each AS (SELECT customer, exact_sum(value) AS value FROM worth GROUP BY customer)
SELECT w.area, w.issue, exact_sum(coalesce(e.value, 0)) AS value
FROM who AS w LEFT JOIN each AS e ON e.customer = w.customer
GROUP BY w.area, w.issue
ORDER BY w.area, w.issue
