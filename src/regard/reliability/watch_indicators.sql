-- Attempts of each declared indicator, per hour and local day: how many there were and how many did not go well.
SELECT 'indicator' AS kind, indicator AS name, day, date_trunc('hour', occurred_at) AS hour,
       sum(total) AS total, greatest(sum(total) - sum(good), 0) AS bad, CAST(NULL AS DOUBLE) AS value
FROM attempts_ever
WHERE occurred_at >= $history AND occurred_at < $until
GROUP BY ALL
HAVING sum(total) > 0
ORDER BY name, hour, day
