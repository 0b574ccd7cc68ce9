-- One row per canonical customer. `known` holds every id ever seen with the times it was the one a row is known by;
-- `fold` sends an id to its customer; `members` a person to an account; `standing` the labels as they are now.
WITH ids AS (
  SELECT hash, any_value(id) AS id, any_value(space) AS space FROM known GROUP BY hash
),
seen AS (
  SELECT coalesce(f.target, k.hash) AS customer,
    min(k.first_at) FILTER (WHERE k.kind NOT IN ('profile', 'merge')) AS first_at,
    max(k.last_at) FILTER (WHERE k.kind NOT IN ('profile', 'merge')) AS last_at,
    min(k.first_at) AS first_told, max(k.last_at) AS last_told,
    sum(k.rows) AS rows,
    sum(k.rows) FILTER (WHERE k.kind NOT IN ('profile', 'merge')) AS signals
  FROM known AS k LEFT JOIN fold AS f ON f.source = k.hash
  GROUP BY ALL
),
told AS (
  SELECT p.customer, coalesce(p.occurred_at, p.received_at) AS moment, p.position, p.name, p.partner,
    p.person IS NULL AND p.anonymous IS NULL AS of_account
  FROM profile AS p WHERE p.customer IS NOT NULL
),
named AS (
  SELECT t.customer,
    arg_max(t.name, (t.moment, t.position)) FILTER (WHERE t.name IS NOT NULL AND t.of_account = (i.space = 'account')) AS name,
    arg_max(t.partner, (t.moment, t.position)) FILTER (WHERE t.partner IS NOT NULL) AS partner
  FROM told AS t JOIN ids AS i ON i.hash = t.customer
  GROUP BY t.customer
)
SELECT
  s.customer,
  i.id,
  n.name,
  i.space AS kind,
  CASE WHEN i.space = 'account' THEN s.customer ELSE m.target END AS account,
  CASE WHEN i.space = 'account' THEN i.id ELSE a.id END AS account_id,
  n.partner,
  coalesce(s.first_at, s.first_told) AS first_at,
  coalesce(s.last_at, s.last_told) AS last_at,
  t.labels
FROM seen AS s
JOIN ids AS i ON i.hash = s.customer
LEFT JOIN named AS n ON n.customer = s.customer
LEFT JOIN members AS m ON m.source = s.customer
LEFT JOIN ids AS a ON a.hash = m.target
LEFT JOIN standing AS t ON t.customer = s.customer AND t.until = TIMESTAMP 'infinity'
WHERE s.rows > 0 AND (coalesce(s.signals, 0) > 0 OR (i.space = 'account') = ($customer = 'account'))
ORDER BY s.customer
