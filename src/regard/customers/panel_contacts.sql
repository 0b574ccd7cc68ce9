-- Asking for help in the days before each moment picked: how often, still open, reopened.
SELECT p.id,
       count(*) FILTER (WHERE c.occurred_at >= p.at - to_days($days)) AS contacts,
       count(*) FILTER (WHERE coalesce(c.solved_at, TIMESTAMP '2900-01-01') >= p.at
         AND NOT (c.solved_at IS NULL AND lower(coalesce(c.status, '')) IN ('closed', 'solved', 'resolved', 'done', 'cancelled', 'canceled'))) AS open,
       count(*) FILTER (WHERE c.occurred_at >= p.at - to_days($days) AND c.reopened > 0 AND coalesce(c.solved_at, p.at) <= p.at) AS reopened
FROM picked AS p JOIN contacts_whole AS c ON c.customer = p.customer
WHERE c.occurred_at >= p.at - to_days(2 * $days) AND c.occurred_at < p.at
GROUP BY p.id
ORDER BY p.id
