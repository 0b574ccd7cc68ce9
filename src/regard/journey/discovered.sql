-- Scores of one metric after the period began, in order: whose, when and which.
SELECT customer, epoch_us(occurred_at) AS at, CAST(value AS DOUBLE) AS score
FROM scores_whole
WHERE metric = $metric AND part = '' AND value IS NOT NULL AND customer IS NOT NULL AND occurred_at >= $since
  AND occurred_at < CAST($until AS TIMESTAMP) + to_days($days)
ORDER BY customer, at, position
