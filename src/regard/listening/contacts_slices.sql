-- Contacts by the chosen dimension, with the sum of squares of each customer's contacts.
WITH own AS (
    SELECT slice, period, coalesce(customer, -position) AS customer, count(*) AS contacts
    FROM contacts
    GROUP BY slice, period, coalesce(customer, -position)
)
SELECT slice, period, CAST(sum(contacts) AS BIGINT) AS contacts, CAST(sum(contacts * contacts) AS DOUBLE) AS squares
FROM own
GROUP BY slice, period
ORDER BY slice, period
