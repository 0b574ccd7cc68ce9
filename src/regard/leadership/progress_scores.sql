-- The score of the metric by bucket of time, each answer by the rule of its metric.
WITH edges AS (SELECT unnest($starts) AS since)
SELECT e.since, exact_sum(s.weight * s.value) / exact_sum(s.weight) AS value, count(*) AS n
FROM scores_ever AS s ASOF JOIN edges AS e ON s.occurred_at >= e.since
WHERE s.metric = $metric AND s.part = '' AND s.value IS NOT NULL AND s.weight > 0 AND s.occurred_at >= $first AND s.occurred_at < $latest
GROUP BY e.since ORDER BY e.since
