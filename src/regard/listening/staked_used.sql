-- Use and errors on the whole days before each moment picked, read from the log in one pass.
SELECT p.id, count(*) AS events, count(*) FILTER (WHERE coalesce(e.error, '') <> '') AS errors
FROM picked AS p
JOIN events_whole AS e ON e.customer = p.customer
  AND e.occurred_at < date_trunc('day', p.at) AND e.occurred_at >= date_trunc('day', p.at) - to_days($days)
WHERE e.occurred_at >= $first AND e.occurred_at < $until
GROUP BY p.id
ORDER BY p.id
