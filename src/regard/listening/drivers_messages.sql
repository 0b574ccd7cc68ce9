-- How often we wrote to the customer in the days before the answer, surveys left out.
SELECT p.id, count(*) AS messages
FROM picked AS p JOIN messages_whole AS m ON m.customer = p.customer
WHERE m.occurred_at >= p.at - to_days($days) AND m.occurred_at < p.at
  AND NOT starts_with(lower(coalesce(m.topic, '')), 'survey')
GROUP BY p.id
ORDER BY p.id
