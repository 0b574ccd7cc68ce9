-- Customers known by the end of each period: what is left to divide by where nothing says who is active.
SELECT
    count(*) FILTER (WHERE first_at < $until) AS now,
    count(*) FILTER (WHERE first_at < $before_until) AS before,
    count(*) FILTER (WHERE first_at < $year_until) AS year
FROM customers
