-- Steps of a journey other than events: whose, when (microseconds UTC), where in the log, what it is called, own labels.
-- A promise is a step when it was kept in time, or when it fell due and was not; one by the day falls due as the day ends.
WITH due AS (
  SELECT customer, position, promise, kept_at, labels,
    CASE WHEN due_by = 'day' THEN
      timezone('UTC', timezone($zone, date_trunc('day', timezone($zone, timezone('UTC', due_at))) + INTERVAL 1 DAY))
    ELSE due_at END AS due_at
  FROM step_promise WHERE withdrawn_at IS NULL
),
every AS (
  SELECT customer, occurred_at AS moment, position, 'contact' || coalesce(': ' || nullif(area, ''), '') AS name, labels
  FROM step_contact
  UNION ALL
  SELECT customer, occurred_at, position, 'order: placed', labels FROM step_order
  UNION ALL
  SELECT customer, occurred_at, position, 'answer' || coalesce(': ' || nullif(metric, ''), ''), labels
  FROM step_answer WHERE coalesce(part, '') = ''
  UNION ALL
  SELECT customer, occurred_at, position, 'subscription' || coalesce(': ' || nullif(change, ''), ''), labels
  FROM step_subscription
  UNION ALL
  SELECT customer, occurred_at, position, 'review: written', labels FROM step_review
  UNION ALL
  SELECT customer, occurred_at, position, 'message' || coalesce(': ' || nullif(topic, ''), ''), labels FROM step_message
  UNION ALL
  SELECT customer, CASE WHEN kept_at <= due_at THEN kept_at ELSE due_at END, position,
    'promise: ' || coalesce(nullif(promise, '') || ' ', '') || CASE WHEN kept_at <= due_at THEN 'kept' ELSE 'broken' END,
    labels
  FROM due
)
SELECT customer, epoch_us(moment) AS time, position, name, labels, starts_with(name, 'promise: ') AS promised
FROM every WHERE customer IS NOT NULL AND moment IS NOT NULL
ORDER BY customer, time, position
