-- Customers active in each stretch of days before the period, counted back from it; of a share of them where many are.
WITH met AS (
    SELECT customer, occurred_at, slice FROM events_ever
    WHERE customer <= $most AND occurred_at >= $first AND occurred_at < $since
    UNION ALL
    SELECT customer, occurred_at, slice FROM orders_ever
    WHERE customer <= $most AND occurred_at >= $first AND occurred_at < $since
    UNION ALL
    SELECT customer, occurred_at, slice FROM telemetry_ever
    WHERE customer <= $most AND occurred_at >= $first AND occurred_at < $since
)
SELECT
    slice,
    CAST(floor(date_diff('second', occurred_at, $since) / (86400.0 * $days)) AS INTEGER) AS stretch,
    count(DISTINCT customer) AS customers
FROM met
GROUP BY 1, 2
ORDER BY 1, 2
