-- Every score of the metric as a whole, and who gave it when: what happened to them afterwards is held against it.
SELECT customer, occurred_at AS at, score
FROM scores_ever
WHERE metric = $metric AND part = '' AND customer IS NOT NULL AND value IS NOT NULL AND occurred_at < $until
ORDER BY customer, at, id
