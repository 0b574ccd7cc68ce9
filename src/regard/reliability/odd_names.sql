-- Who they are.
SELECT c.customer, coalesce(c.name, c.id) AS name, c.id FROM lake_customer AS c
WHERE c.customer IN (SELECT customer FROM odd)
