-- What customers did on each day, read from the log once and kept as `used`.
SELECT customer, CAST(occurred_at AS DATE) AS day, count(*) AS events,
       count(*) FILTER (WHERE coalesce(error, '') <> '') AS errors
FROM events_whole
WHERE occurred_at >= $first AND occurred_at < $until AND customer IN (SELECT customer FROM picked)
GROUP BY customer, CAST(occurred_at AS DATE)
ORDER BY customer, day
