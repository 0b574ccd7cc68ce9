-- The latest words of different customers about some cells.
WITH said AS (
    SELECT
        coalesce(nullif(c.area, ''), 'unknown') AS area,
        coalesce(nullif(c.issue, ''), 'unknown') AS issue,
        c.customer, c.occurred_at, c.position,
        coalesce(nullif(c.verbatim, ''), c.subject) AS verbatim
    FROM contacts AS c
    WHERE c.period = 'now' AND coalesce(nullif(c.verbatim, ''), c.subject, '') <> ''
),
latest AS (
    SELECT *, row_number() OVER (
        PARTITION BY area, issue, coalesce(customer, -position) ORDER BY occurred_at DESC, position DESC
    ) AS of_customer
    FROM said
    WHERE list_contains($cells, area || ' · ' || issue)
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY area, issue ORDER BY occurred_at DESC, position DESC) AS place
    FROM latest
    WHERE of_customer = 1
)
SELECT r.area, r.issue, r.occurred_at AS at, r.verbatim, k.id, k.name
FROM ranked AS r LEFT JOIN customers AS k ON k.customer = r.customer
WHERE r.place <= 3
ORDER BY r.area, r.issue, r.place
