-- The customers kept as disrupted, by name.
SELECT d.customer, coalesce(c.name, c.id) AS name, c.id AS id
FROM disrupted AS d JOIN lake_customer AS c ON c.customer = d.customer
ORDER BY d.customer
