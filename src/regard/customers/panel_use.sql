-- Use and errors in the days before each moment picked: the last third of them apart from the rest.
SELECT p.id, sum(u.events) AS events, sum(u.errors) AS errors,
       coalesce(sum(u.events) FILTER (WHERE u.day >= CAST(p.at AS DATE) - $lately), 0) AS lately
FROM picked AS p
JOIN used AS u ON u.customer = p.customer AND u.day < CAST(p.at AS DATE) AND u.day >= CAST(p.at AS DATE) - $days
GROUP BY p.id
ORDER BY p.id
