-- Attempts by indicator, slice, period and customer: one row per customer ('all' and each slice), how many attempts, how
-- many went well, and whether enough of them did in every stretch of time that is looked at.
WITH stretches AS (
    SELECT no, period, customer, slice,
           CASE each WHEN 'day' THEN day WHEN 'week' THEN week ELSE DATE '1970-01-01' END AS stretch,
           any_value(needed) AS needed,
           sum(total * weight) AS total, sum(good * weight) AS good,
           max(weight) AS heaviest, count(*) AS rows, count(*) FILTER (untimed) AS untimed
    FROM attempts
    WHERE ($indicator = '' OR indicator = $indicator) AND ($moment = '' OR moment = $moment)
    GROUP BY ALL
),
both AS (
    SELECT * FROM stretches WHERE $sliced
    UNION ALL
    SELECT no, period, customer, NULL AS slice, stretch, any_value(needed), sum(total), sum(good), max(heaviest),
           sum(rows), sum(untimed)
    FROM stretches GROUP BY no, period, customer, stretch
)
SELECT no, period, coalesce(slice, '') AS slice, slice IS NULL AS whole, customer,
       sum(total) AS total, sum(least(good, total)) AS good,
       coalesce(bool_and(good >= needed * total - 1e-9) FILTER (total > 0), TRUE) AS served,
       max(heaviest) AS heaviest, CAST(sum(rows) AS BIGINT) AS rows, CAST(sum(untimed) AS BIGINT) AS untimed
FROM both
GROUP BY no, period, slice, customer
HAVING sum(total) > 0
ORDER BY no, whole DESC, slice, period, customer
