-- What customers did after the way they went: the first score they gave, what they spent, whether a contract then in force was
-- still there and whether it was renewed, each within so many days after the first step. `ways` are the walks: whose, and when.
WITH said AS (
  SELECT w.walk, min_by(s.value, (s.occurred_at, s.position)) AS score
  FROM ways AS w JOIN scores_whole AS s ON s.customer = w.customer
  WHERE s.metric = $metric AND s.part = '' AND s.value IS NOT NULL
    AND s.occurred_at > w.began AND s.occurred_at <= w.began + to_days($days)
  GROUP BY w.walk
),
spent AS (
  SELECT w.walk, exact_sum((o.amount - coalesce(o.refunded, 0)) * o.rate) AS spent
  FROM ways AS w JOIN orders_whole AS o ON o.customer = w.customer
  WHERE o.occurred_at > w.began AND o.occurred_at <= w.began + to_days($days)
  GROUP BY w.walk
),
contracts AS (
  SELECT customer, coalesce(subscription, key) AS contract, min(occurred_at) AS since,
         max(occurred_at) FILTER (WHERE lower(change) = 'end') AS ended
  FROM subscriptions_whole WHERE customer IS NOT NULL
  GROUP BY customer, coalesce(subscription, key)
),
held AS (
  SELECT w.walk, bool_or(c.ended IS NULL OR c.ended > w.began + to_days($days)) AS kept
  FROM ways AS w JOIN contracts AS c ON c.customer = w.customer
  WHERE c.since <= w.began AND (c.ended IS NULL OR c.ended > w.began)
  GROUP BY w.walk
)
SELECT w.walk, s.score, coalesce(p.spent, 0) AS spent, h.kept
FROM ways AS w
LEFT JOIN said AS s ON s.walk = w.walk
LEFT JOIN spent AS p ON p.walk = w.walk
LEFT JOIN held AS h ON h.walk = w.walk
ORDER BY w.walk
