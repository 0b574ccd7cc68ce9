-- Promises about the same order or contact, and the customer's others that fell due in the days before the answer:
-- what is told as the one is left out of the other, so that no fact stands beside its own double.
SELECT p.id, p.at, 'this' AS reach, coalesce(r.promise, '') AS promise, r.due_at, coalesce(r.due_by, '') AS due_by,
       r.kept_at, r.withdrawn_at
FROM picked AS p JOIN promises_whole AS r ON r.about = p.about
WHERE p.about <> ''
UNION ALL
SELECT p.id, p.at, 'recent', coalesce(r.promise, ''), r.due_at, coalesce(r.due_by, ''), r.kept_at, r.withdrawn_at
FROM picked AS p JOIN promises_whole AS r ON r.customer = p.customer
WHERE r.due_at >= p.at - to_days($days) AND r.due_at < p.at AND (p.about IS NULL OR r.about IS DISTINCT FROM p.about)
ORDER BY id, reach, promise, due_at
