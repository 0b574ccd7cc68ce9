-- Troubles customers had (a contact, a promise broken), whether the policy was used within so many days, and whether they
-- were there, or bought again, so long after that. Everything known is from before the trouble; who was lost before those
-- days were over is no comparison for anybody, so that nobody counts as a user for having stayed long enough.
WITH uses AS (
  SELECT customer, occurred_at AS at FROM acts_whole WHERE customer IS NOT NULL AND name = $policy AND occurred_at < $until
),
troubles AS (
  SELECT customer, occurred_at AS at, 'contact' AS what, coalesce(area, '') AS about
  FROM contacts_ever WHERE customer IS NOT NULL AND occurred_at < $until
  UNION ALL
  SELECT customer, due_at, 'promise', coalesce(promise, '')
  FROM promises_ever
  WHERE customer IS NOT NULL AND due_at < $until AND withdrawn_at IS NULL
    AND (kept_at IS NULL OR kept_at > due_at + CASE WHEN lower(due_by) = 'day' THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END)
),
begun AS (
  SELECT customer, at, what, about, lag(at) OVER (PARTITION BY customer, what, about ORDER BY at) AS earlier FROM troubles
),
episodes AS (
  SELECT row_number() OVER (ORDER BY customer, at, what, about) AS episode, customer, at, what, about,
         at + to_days($days) AS judged, at + to_days($days + $follow) AS followed
  FROM begun
  WHERE (earlier IS NULL OR earlier + to_days($days) <= at) AND at + to_days($days + $follow) <= $until
),
contracts AS (
  SELECT customer, coalesce(subscription, key) AS contract,
         min(occurred_at) AS since, max(occurred_at) FILTER (WHERE lower(change) = 'end') AS ended
  FROM subscriptions_whole WHERE customer IS NOT NULL
  GROUP BY customer, coalesce(subscription, key)
),
held AS (
  SELECT e.episode, min(c.since) AS since,
         bool_or(c.since <= e.at AND (c.ended IS NULL OR c.ended > e.judged)) AS held,
         bool_or(c.since <= e.at AND (c.ended IS NULL OR c.ended > e.followed)) AS kept
  FROM episodes AS e JOIN contracts AS c ON c.customer = e.customer
  GROUP BY e.episode
),
paid AS (
  SELECT e.episode, max_by(s.amount, s.occurred_at) AS amount
  FROM episodes AS e JOIN subscriptions_whole AS s ON s.customer = e.customer
  WHERE s.occurred_at <= e.at AND s.amount IS NOT NULL
  GROUP BY e.episode
),
bought AS (
  SELECT e.episode, min(o.occurred_at) AS since,
         count(*) FILTER (WHERE o.occurred_at <= e.at) AS orders,
         exact_sum(CASE WHEN o.occurred_at <= e.at AND o.occurred_at > e.at - INTERVAL 365 DAY
                        THEN o.amount * o.rate END) AS spent,
         count(*) FILTER (WHERE o.occurred_at > e.judged AND o.occurred_at <= e.followed) AS again
  FROM episodes AS e JOIN orders_whole AS o ON o.customer = e.customer
  GROUP BY e.episode
),
before AS (
  SELECT e.episode, count(*) FILTER (WHERE t.what = 'contact') AS contacts,
         count(*) FILTER (WHERE t.what = 'promise') AS broken
  FROM episodes AS e JOIN troubles AS t ON t.customer = e.customer AND t.at < e.at AND t.at > e.at - INTERVAL 365 DAY
  GROUP BY e.episode
),
said AS (
  SELECT e.episode, max_by(a.score, a.occurred_at) AS score
  FROM episodes AS e JOIN answers_whole AS a ON a.customer = e.customer
  WHERE a.occurred_at <= e.at AND a.score IS NOT NULL AND coalesce(a.part, '') = ''
  GROUP BY e.episode
),
used AS (
  SELECT DISTINCT e.episode FROM episodes AS e JOIN uses AS u ON u.customer = e.customer
  WHERE u.at >= e.at AND u.at < e.judged
)
SELECT e.episode, e.customer, e.at, concat_ws(': ', e.what, nullif(e.about, '')) AS trouble,
       u.episode IS NOT NULL AS used, coalesce(h.held, FALSE) AS held, coalesce(h.kept, FALSE) AS kept,
       coalesce(b.orders, 0) AS orders, coalesce(b.spent, 0) AS spent, coalesce(b.again, 0) AS again,
       coalesce(p.amount, 0) AS amount, least(h.since, b.since) AS since,
       coalesce(f.contacts, 0) AS contacts, coalesce(f.broken, 0) AS broken, s.score
FROM episodes AS e
LEFT JOIN held AS h ON h.episode = e.episode
LEFT JOIN paid AS p ON p.episode = e.episode
LEFT JOIN bought AS b ON b.episode = e.episode
LEFT JOIN before AS f ON f.episode = e.episode
LEFT JOIN said AS s ON s.episode = e.episode
LEFT JOIN used AS u ON u.episode = e.episode
ORDER BY e.episode
