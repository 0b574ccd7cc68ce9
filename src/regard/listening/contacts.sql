-- Contacts by area and issue in the period, the one before and the same days a year earlier. One row per cell, with
-- the sum of squares of each customer's contacts: one customer who writes ten times is not ten customers.
WITH marked AS (
    SELECT
        coalesce(nullif(area, ''), 'unknown') AS area,
        coalesce(nullif(issue, ''), 'unknown') AS issue,
        coalesce(customer, -position) AS customer,
        CASE WHEN period IN ('now', 'before') THEN period ELSE 'year' END AS period,
        weight, occurred_at, answered_at, solved_at, reopened
    FROM contacts_ever
    WHERE period IN ('now', 'before')
       OR (occurred_at >= $year_since AND occurred_at < $year_until)
),
own AS (
    SELECT area, issue, period, customer, count(*) AS contacts
    FROM marked
    GROUP BY area, issue, period, customer
),
spread AS (
    SELECT area, issue, period, CAST(sum(contacts * contacts) AS DOUBLE) AS squares, count(*) AS customers
    FROM own
    GROUP BY area, issue, period
),
counted AS (
    SELECT
        area, issue, period,
        count(*) AS contacts,
        median(date_diff('second', occurred_at, answered_at)) AS waited,
        median(date_diff('second', occurred_at, solved_at)) AS solving,
        avg(CASE WHEN reopened > 0 THEN 1.0 WHEN reopened IS NOT NULL THEN 0.0 END) AS reopened
    FROM marked
    GROUP BY area, issue, period
)
SELECT area, issue, period, contacts, squares, customers, waited, solving, reopened
FROM counted JOIN spread USING (area, issue, period)
ORDER BY area, issue, period
