-- What customers of a disrupted subset met before it began and since: errors by event and contacts by area, in customers a
-- day; how many of them there are is known.
WITH met AS (
  SELECT 'errors' AS kind, name AS what, customer, CAST(occurred_at AS DATE) AS on_day, occurred_at >= $since AS since
  FROM events_ever
  WHERE occurred_at >= $start AND occurred_at < $end AND coalesce(error, '') <> ''
    AND customer IN (SELECT customer FROM members)
  UNION ALL
  SELECT 'contacts', coalesce(nullif(area, ''), 'unknown'), customer, CAST(occurred_at AS DATE), occurred_at >= $since
  FROM contacts_ever
  WHERE occurred_at >= $start AND occurred_at < $end AND customer IN (SELECT customer FROM members)
)
SELECT kind, what, count(DISTINCT (customer, on_day)) FILTER (since) AS since,
       count(DISTINCT (customer, on_day)) FILTER (NOT since) AS before
FROM met
GROUP BY kind, what
ORDER BY kind, what
