-- Customers whose name, mail or id holds the text, the closest first: the very id or name, then what begins with it.
WITH known AS (
  SELECT customer, id AS text FROM customers
  UNION ALL
  SELECT customer, name FROM customers
  UNION ALL
  SELECT customer, unnest([name, email, person, account]) FROM profiles_whole WHERE customer IS NOT NULL
),
plain AS (SELECT customer, lower(strip_accents(text)) AS text FROM known WHERE text IS NOT NULL)
SELECT customer,
       min(CASE WHEN text = $q THEN 0 WHEN starts_with(text, $q) THEN 1 WHEN contains(text, ' ' || $q) THEN 2 ELSE 3 END) AS rank
FROM plain WHERE contains(text, $q)
GROUP BY customer
ORDER BY customer
