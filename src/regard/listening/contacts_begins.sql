-- Since when the log knows anything, since when contacts, how many of them are of the period compared with, and how
-- many customers there are.
SELECT
    (SELECT min(first_at) FROM customers) AS log,
    (SELECT count(*) FROM customers) AS customers,
    min(occurred_at) AS contacts,
    count(*) FILTER (WHERE occurred_at >= $before_since AND occurred_at < $before_until) AS before
FROM contacts_whole
