-- Everything one customer said, did, met and was promised, newest first; events of one sitting are one row.
-- What is many (what they did, what we wrote) and what is telling (all else) are each cut at the newest: use must not hide a complaint.
WITH gaps AS (
  SELECT occurred_at, name, error, duration,
         CASE WHEN occurred_at - lag(occurred_at) OVER (ORDER BY occurred_at, position) > INTERVAL 30 MINUTE
              OR lag(occurred_at) OVER (ORDER BY occurred_at, position) IS NULL THEN 1 ELSE 0 END AS begins, position
  FROM events_whole WHERE customer = $customer
),
sat AS (SELECT *, sum(begins) OVER (ORDER BY occurred_at, position ROWS UNBOUNDED PRECEDING) AS sitting FROM gaps),
named AS (
  SELECT sitting, name, min(occurred_at) AS at, max(occurred_at) AS until, count(*) AS n FROM sat GROUP BY sitting, name
),
sittings AS (
  SELECT min(at) AS at, max(until) AS until, CAST(sum(n) AS BIGINT) AS n, count(*) AS names, arg_max(name, (n, name)) AS often
  FROM named GROUP BY sitting
),
told AS (
  SELECT at, until, 'did' AS lane, often AS what, CAST(NULL AS VARCHAR) AS words,
         CAST(NULL AS DOUBLE) AS amount, '' AS currency, n, names, '' AS state, '' AS key
  FROM sittings
  UNION ALL
  SELECT min(occurred_at), max(occurred_at), 'met trouble', any_value(error), min(name), NULL, '', count(*), 1, 'bad', ''
  FROM sat WHERE error <> '' GROUP BY sitting, error
  UNION ALL
  SELECT occurred_at, NULL, 'said', coalesce(nullif(survey, ''), metric, 'answer') || CASE WHEN coalesce(part, '') = '' THEN '' ELSE ': ' || part END,
         verbatim, score, coalesce(metric, ''), 1, 1, '', coalesce(key, '') FROM answers_whole WHERE customer = $customer
  UNION ALL
  SELECT occurred_at, NULL, 'said', 'review', coalesce(verbatim, subject), score, coalesce(metric, 'stars'), 1, 1, '', coalesce(key, '')
  FROM reviews_whole WHERE customer = $customer
  UNION ALL
  SELECT occurred_at, solved_at, 'asked', concat_ws(': ', area, issue), coalesce(verbatim, subject), NULL, '', 1, 1,
         CASE WHEN solved_at IS NULL AND lower(coalesce(status, '')) NOT IN ('closed', 'solved', 'resolved', 'done', 'cancelled', 'canceled')
              THEN 'open' ELSE coalesce(status, 'solved') END, coalesce(key, '')
  FROM contacts_whole WHERE customer = $customer
  UNION ALL
  SELECT min(occurred_at), NULL, 'bought', string_agg(DISTINCT coalesce(product, category), ', ' ORDER BY coalesce(product, category)), NULL,
         sum(amount - coalesce(refunded, 0)), coalesce(min(currency), ''), count(*), 1, coalesce(min(status), ''),
         coalesce(order_id, key, '')
  FROM orders_whole WHERE customer = $customer GROUP BY coalesce(order_id, key, ''), CASE WHEN coalesce(order_id, key) IS NULL THEN position END
  UNION ALL
  SELECT occurred_at, NULL, 'bought', concat_ws(' ', 'contract', change, plan), reason, amount, coalesce(currency, ''), 1, 1,
         lower(change), coalesce(subscription, key, '') FROM subscriptions_whole WHERE customer = $customer
  UNION ALL
  SELECT occurred_at, due_at, 'promised', coalesce(nullif(promise, ''), 'promise'), about, NULL, '', 1, 1,
         CASE WHEN kept_at IS NOT NULL AND kept_at <= due_at + CASE WHEN lower(due_by) = 'day' THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END THEN 'kept'
              WHEN kept_at IS NOT NULL THEN 'late' WHEN withdrawn_at IS NOT NULL THEN 'withdrawn'
              WHEN due_at < $today THEN 'broken' ELSE 'open' END, coalesce(key, '')
  FROM promises_whole WHERE customer = $customer
  UNION ALL
  SELECT min(occurred_at), max(occurred_at), 'met trouble', name, NULL, sum(total - good), 'failures', count(*), 1, 'bad', ''
  FROM telemetry_whole WHERE customer = $customer AND good < total GROUP BY name, CAST(occurred_at AS DATE)
  UNION ALL
  SELECT occurred_at, NULL, 'we wrote', coalesce(topic, channel, 'message'), verbatim, NULL, '', 1, 1, coalesce(channel, ''), coalesce(key, '')
  FROM messages_whole WHERE customer = $customer
  UNION ALL
  SELECT occurred_at, NULL, 'we did', name, verbatim, NULL, '', 1, 1, '', coalesce(key, '') FROM acts_whole WHERE customer = $customer
),
numbered AS (
  SELECT *, count(*) OVER () AS total, lane IN ('did', 'we wrote') AS routine,
         row_number() OVER (PARTITION BY lane IN ('did', 'we wrote') ORDER BY at DESC NULLS LAST, lane, key) AS newest
  FROM told WHERE $lane = '' OR lane = $lane
)
SELECT * FROM numbered WHERE newest <= $most ORDER BY at DESC NULLS LAST, lane, key
