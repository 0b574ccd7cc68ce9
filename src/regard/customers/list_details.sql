-- What a line of the list shows of each of a few customers.
WITH wanted AS (SELECT unnest($customers) AS customer),
scores AS (
  SELECT a.customer, arg_max(a.score, a.occurred_at) AS score, arg_max(a.metric, a.occurred_at) AS metric
  FROM answers_whole AS a SEMI JOIN wanted AS w ON w.customer = a.customer
  WHERE a.score IS NOT NULL AND coalesce(a.part, '') = '' AND a.occurred_at < $until GROUP BY a.customer
),
waiting AS (
  SELECT c.customer, count(*) AS n FROM contacts_whole AS c SEMI JOIN wanted AS w ON w.customer = c.customer
  WHERE c.occurred_at < $until AND coalesce(c.solved_at >= $until, TRUE)
    AND lower(coalesce(c.status, '')) NOT IN ('closed', 'solved', 'resolved', 'done', 'cancelled', 'canceled')
  GROUP BY c.customer
)
SELECT w.customer, k.id, coalesce(k.name, k.id) AS name, k.kind, k.partner, k.first_at, k.last_at,
       s.score, s.metric, coalesce(o.n, 0) AS waiting
FROM wanted AS w JOIN lake_customer AS k ON k.customer = w.customer
LEFT JOIN scores AS s ON s.customer = w.customer
LEFT JOIN waiting AS o ON o.customer = w.customer
