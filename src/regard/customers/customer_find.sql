-- Who an id or a name stands for: the customer's own id first, then ids of people, accounts and merged ones, then names.
WITH known AS (
  SELECT customer, id AS text, 0 AS rank FROM lake_customer
  UNION ALL
  SELECT customer, unnest([person, account, email]), 1 FROM profiles_whole WHERE customer IS NOT NULL
  UNION ALL
  SELECT customer, unnest([person, account, anonymous]), 1 FROM merges_whole
  WHERE customer IS NOT NULL AND NOT coalesce(undo, FALSE)
  UNION ALL
  SELECT customer, name, 2 FROM lake_customer
  UNION ALL
  SELECT customer, name, 3 FROM profiles_whole WHERE customer IS NOT NULL
)
SELECT k.customer, min(k.rank) AS rank, any_value(c.id) AS id, any_value(coalesce(c.name, c.id)) AS name
FROM known AS k JOIN lake_customer AS c ON c.customer = k.customer
WHERE k.text = $id OR (k.rank >= 2 AND lower(strip_accents(k.text)) = lower(strip_accents($id)))
GROUP BY k.customer
QUALIFY min(k.rank) = min(min(k.rank)) OVER ()
ORDER BY name
LIMIT 20
