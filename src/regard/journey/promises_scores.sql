-- One row per scored answer about something promised: what had become of the promise, and what it looked like when asked.
-- Answers and promises meet in what they are about: the key of an order (or its order id), contact or subscription.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
same AS (
  SELECT key, min(order_id) AS order_id FROM orders_whole
  WHERE key IS NOT NULL AND order_id IS NOT NULL AND key <> order_id GROUP BY key
),
timed AS (
  SELECT coalesce(s.order_id, p.about) AS about, p.slice, p.promise, p.due_at, p.kept_at, p.withdrawn_at,
         CASE WHEN CASE WHEN $rule = '' THEN coalesce(lower(p.due_by), '') ELSE $rule END = 'day'
           THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
                - INTERVAL 1 MICROSECOND
           ELSE p.due_at END AS deadline
  FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since LEFT JOIN same AS s ON s.key = p.about
  WHERE p.about IS NOT NULL AND p.due_at >= $since AND p.due_at < $until AND ($kind = '' OR p.promise = $kind)
),
-- Several promises about one thing (parts of an order): the one kept last, or not at all, is what the customer lived.
whole AS (
  SELECT about, min(slice) AS slice, max(deadline) AS deadline,
         CASE WHEN count(*) = count(kept_at) THEN max(kept_at) END AS kept_at,
         CASE WHEN count(*) = count(withdrawn_at) THEN max(withdrawn_at) END AS withdrawn_at
  FROM timed GROUP BY about
),
given AS (
  SELECT about, customer, position, occurred_at, score, weight, scale_max, metric
  FROM scores_whole WHERE about IS NOT NULL AND part = ''
),
joined AS (
  SELECT g.*, w.slice, w.deadline, w.kept_at, w.withdrawn_at
  FROM given AS g LEFT JOIN same AS s ON s.key = g.about JOIN whole AS w ON w.about = coalesce(s.order_id, g.about)
)
SELECT coalesce(customer, -position) AS customer, slice, metric, score, weight, scale_max,
       CASE WHEN kept_at <= deadline THEN 'kept'
            WHEN withdrawn_at <= deadline THEN 'withdrawn'
            WHEN kept_at IS NOT NULL THEN 'late'
            WHEN deadline < $until THEN 'never'
            ELSE 'open' END AS outcome,
       deadline < occurred_at AND coalesce(kept_at > occurred_at, TRUE)
         AND coalesce(withdrawn_at > deadline, TRUE) AS missing
FROM joined
ORDER BY position
