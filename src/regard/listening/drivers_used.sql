-- What the customers who answered did, day by day: read from the log once, kept as `used` for the facts made of it.
SELECT customer, CAST(occurred_at AS DATE) AS day, name, count(*) AS events,
       count(*) FILTER (WHERE coalesce(error, '') <> '') AS errors
FROM events_whole
WHERE occurred_at >= $first AND occurred_at < $until AND customer IN (SELECT customer FROM picked)
GROUP BY customer, CAST(occurred_at AS DATE), name
ORDER BY customer, day, name
