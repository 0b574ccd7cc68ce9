-- The promises that fall due next and are not kept yet, the nearest first.
SELECT p.promise, p.about, p.due_at, p.customer, coalesce(c.name, c.id) AS name, c.id
FROM promises_ever AS p LEFT JOIN lake_customer AS c ON c.customer = p.customer
WHERE p.due_at >= $until AND p.due_at < $until + to_days($days) AND ($kind = '' OR p.promise = $kind)
  AND (p.kept_at IS NULL OR p.kept_at >= $until) AND (p.withdrawn_at IS NULL OR p.withdrawn_at >= $until)
ORDER BY p.due_at, p.position
LIMIT $most
