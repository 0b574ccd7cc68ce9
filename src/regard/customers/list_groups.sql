-- Customers of one group, by what they said, met or did in the period: one row each, with when it was last so.
-- Branches of other groups are constant false and read nothing.
WITH placed AS (
  SELECT customer, occurred_at,
         CASE class WHEN -1 THEN 'detractors' WHEN 0 THEN 'passives' WHEN 1 THEN 'promoters' END AS class
  FROM scores
  WHERE $who IN ('promoters', 'passives', 'detractors') AND period = 'now' AND part = '' AND metric = $metric
),
there AS (
  SELECT m.kind, m.field, m.name, m.prefix FROM moments AS m
  WHERE $who = 'stage' AND m.stage = $stage AND ($moment = '' OR m.moment = $moment)
),
names AS (
  SELECT DISTINCT n.name FROM (SELECT DISTINCT name FROM events WHERE $who = 'stage') AS n
  JOIN there AS t ON t.kind = 'event' AND (t.field = '' OR CASE WHEN t.prefix THEN starts_with(n.name, t.name) ELSE n.name = t.name END)
),
others AS (
  SELECT customer, occurred_at, kind, lower(change) AS mark FROM subscriptions WHERE $who = 'stage' AND period = 'now'
  UNION ALL SELECT customer, occurred_at, kind, area FROM contacts WHERE $who = 'stage' AND period = 'now'
  UNION ALL SELECT customer, occurred_at, kind, promise FROM promises WHERE $who = 'stage' AND period = 'now'
  UNION ALL SELECT customer, occurred_at, kind, survey FROM answers WHERE $who = 'stage' AND period = 'now'
  UNION ALL SELECT customer, occurred_at, kind, NULL FROM orders WHERE $who = 'stage' AND period = 'now'
  UNION ALL SELECT customer, occurred_at, kind, NULL FROM reviews WHERE $who = 'stage' AND period = 'now'
  UNION ALL SELECT customer, occurred_at, kind, NULL FROM messages WHERE $who = 'stage' AND period = 'now'
),
zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
deadlines AS (
  -- As in journey/promises: one for a day holds until that day ends where the company is.
  SELECT p.customer, p.due_at, p.kept_at, p.withdrawn_at,
         CASE WHEN lower(p.due_by) = 'day'
           THEN date_trunc('day', p.due_at + to_seconds(z.seconds)) + INTERVAL 1 DAY - to_seconds(z.seconds)
                - INTERVAL 1 MICROSECOND
           ELSE p.due_at END AS deadline
  FROM promises_ever AS p ASOF JOIN zone AS z ON p.due_at >= z.since
  WHERE $who = 'broken-promise' AND p.due_at >= $since AND p.due_at < $until
),
found AS (
  SELECT customer, occurred_at FROM placed WHERE class = $who
  UNION ALL
  SELECT customer, due_at FROM deadlines
  WHERE deadline < $until AND coalesce(kept_at > deadline, TRUE) AND coalesce(withdrawn_at > deadline, TRUE)
  UNION ALL
  SELECT customer, due_at FROM promises_ever
  WHERE $who = 'promise-at-risk' AND due_at >= $until AND due_at < $until + INTERVAL 3 DAY
    AND coalesce(kept_at >= $until, TRUE) AND coalesce(withdrawn_at >= $until, TRUE)
  UNION ALL
  SELECT customer, occurred_at FROM contacts WHERE $who = 'contacted' AND period = 'now'
  UNION ALL
  SELECT customer, occurred_at FROM contacts_ever
  WHERE $who = 'waiting' AND occurred_at < $until AND coalesce(solved_at >= $until, TRUE)
    AND lower(coalesce(status, '')) NOT IN ('closed', 'solved', 'resolved', 'done', 'cancelled', 'canceled')
  UNION ALL
  SELECT customer, occurred_at FROM events WHERE $who = 'met-error' AND period = 'now' AND error <> ''
  UNION ALL
  SELECT customer, occurred_at FROM orders WHERE $who = 'ordered' AND period = 'now'
  UNION ALL
  SELECT e.customer, e.occurred_at FROM events AS e SEMI JOIN names AS n ON n.name = e.name
  WHERE $who = 'stage' AND e.period = 'now'
  UNION ALL
  SELECT o.customer, o.occurred_at FROM others AS o
  SEMI JOIN there AS t ON t.kind = o.kind AND (t.field = '' OR CASE WHEN t.prefix THEN starts_with(o.mark, t.name) ELSE lower(o.mark) = lower(t.name) END)
  UNION ALL
  SELECT customer, last_at FROM customers WHERE $who = 'all'
)
SELECT customer, max(occurred_at) AS at FROM found WHERE customer IS NOT NULL GROUP BY customer ORDER BY customer
