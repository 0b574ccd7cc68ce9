-- Contacts by bucket of time.
WITH edges AS (SELECT unnest($starts) AS since)
SELECT e.since, count(*) AS n
FROM contacts_ever AS c ASOF JOIN edges AS e ON c.occurred_at >= e.since
WHERE c.occurred_at >= $first AND c.occurred_at < $latest
GROUP BY e.since ORDER BY e.since
