-- Active customers, averaged over three instants of each period: those with an event, an order or a measurement in the
-- days before the instant that the declaration says.
WITH met AS (
    SELECT customer, occurred_at, slice FROM events_ever
    WHERE customer IS NOT NULL AND occurred_at >= $first AND occurred_at < $until
    UNION ALL
    SELECT customer, occurred_at, slice FROM orders_ever
    WHERE customer IS NOT NULL AND occurred_at >= $first AND occurred_at < $until
    UNION ALL
    SELECT customer, occurred_at, slice FROM telemetry_ever
    WHERE customer IS NOT NULL AND occurred_at >= $first AND occurred_at < $until
),
seen AS (
    SELECT
        customer, slice,
        bool_or(occurred_at >= $now_1 - to_days($days) AND occurred_at < $now_1) AS n1,
        bool_or(occurred_at >= $now_2 - to_days($days) AND occurred_at < $now_2) AS n2,
        bool_or(occurred_at >= $now_3 - to_days($days) AND occurred_at < $now_3) AS n3,
        bool_or(occurred_at >= $before_1 - to_days($days) AND occurred_at < $before_1) AS b1,
        bool_or(occurred_at >= $before_2 - to_days($days) AND occurred_at < $before_2) AS b2,
        bool_or(occurred_at >= $before_3 - to_days($days) AND occurred_at < $before_3) AS b3,
        bool_or(occurred_at >= $year_1 - to_days($days) AND occurred_at < $year_1) AS y1,
        bool_or(occurred_at >= $year_2 - to_days($days) AND occurred_at < $year_2) AS y2,
        bool_or(occurred_at >= $year_3 - to_days($days) AND occurred_at < $year_3) AS y3
    FROM met
    GROUP BY customer, slice
)
SELECT
    slice,
    (count(*) FILTER (WHERE n1) + count(*) FILTER (WHERE n2) + count(*) FILTER (WHERE n3)) / 3.0 AS now,
    (count(*) FILTER (WHERE b1) + count(*) FILTER (WHERE b2) + count(*) FILTER (WHERE b3)) / 3.0 AS before,
    (count(*) FILTER (WHERE y1) + count(*) FILTER (WHERE y2) + count(*) FILTER (WHERE y3)) / 3.0 AS year
FROM seen
GROUP BY slice
ORDER BY slice
