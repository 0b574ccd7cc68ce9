-- The journey in one pass over the log: who was at which moment, how often, with what errors, since when.
-- The first declared moment that matches a name wins.
-- Answers in one statement, so that the log is read once; `section` says what a row is:
--   moment, stage: counts of a period;  flow: one first arrival at a stage;  asked: one scored answer at a stage;
--   seen: scores of customers seen at a stage, one mean per customer;  worth: value of the customers seen there.
-- A customer's labels are those at the end of each period (`standings`); labels and columns of the signals themselves
-- (product, area) are as each row has them. So nobody is counted in two slices of one period by a customer's label.
WITH rules AS (
  SELECT kind, field, name, prefix, min(stage_no * 1000 + moment_no) AS place FROM moments
  WHERE kind <> 'event' GROUP BY kind, field, name, prefix
),
others AS (
  SELECT customer, occurred_at, slice, inside, 'subscription' AS kind, coalesce(lower(change), '') AS mark FROM subscriptions_whole
  UNION ALL SELECT customer, occurred_at, slice, inside, 'contact', coalesce(area, '') FROM contacts_whole
  UNION ALL SELECT customer, occurred_at, slice, inside, 'promise', coalesce(promise, '') FROM promises_whole
  UNION ALL SELECT customer, occurred_at, slice, inside, 'order', '' FROM orders_whole
  UNION ALL SELECT customer, occurred_at, slice, inside, 'review', '' FROM reviews_whole
  UNION ALL SELECT customer, occurred_at, slice, inside, 'message', '' FROM messages_whole
  WHERE EXISTS (SELECT 1 FROM rules WHERE kind = 'message')
),
marked AS (
  SELECT kind, mark, min(place) AS place FROM (
    SELECT d.kind, d.mark, r.place
    FROM (SELECT DISTINCT kind, mark FROM others) AS d
    JOIN rules AS r ON r.kind = d.kind
      AND (r.field = '' OR CASE WHEN r.prefix THEN starts_with(d.mark, r.name) ELSE lower(d.mark) = lower(r.name) END)
    -- What a rule names goes before what takes the kind whole.
    QUALIFY r.field <> '' OR NOT bool_or(r.field <> '') OVER (PARTITION BY d.kind, d.mark)
  ) GROUP BY kind, mark
),
people AS (
  -- Who every customer is at the end of either period, for the slices and the filters in force.
  SELECT customer,
         max(slice) FILTER (WHERE since < $until AND until >= $until) AS slice_now,
         max(slice) FILTER (WHERE since < $before_until AND until >= $before_until) AS slice_before,
         bool_or(inside) FILTER (WHERE since < $until AND until >= $until) AS inside_now,
         bool_or(settled) FILTER (WHERE since < $until AND until >= $until) AS settled_now,
         bool_or(inside) FILTER (WHERE since < $before_until AND until >= $before_until) AS inside_before,
         bool_or(settled) FILTER (WHERE since < $before_until AND until >= $before_until) AS settled_before
  FROM standings WHERE $cut GROUP BY customer
),
concerned AS (
  -- Whose rows can count under the filters in force, whatever the rows themselves say.
  SELECT customer FROM people WHERE inside_now OR inside_before OR settled_now OR settled_before
),
scored AS (
  SELECT a.customer, a.position, a.occurred_at, a.occurred_at >= $since AND a.occurred_at < $until AS is_now, a.weight,
         CASE WHEN NOT $by THEN 'all' WHEN a.occurred_at >= $since AND a.occurred_at < $until
              THEN coalesce(a.slice, p.slice_now, 'unknown') ELSE coalesce(a.slice, p.slice_before, 'unknown') END AS slice,
         -- NPS and CSAT in points of a hundred, by their rules; everything else as given.
         a.value AS score, a.metric, r.place
  FROM scores_whole AS a
  LEFT JOIN (SELECT name, min(place) AS place FROM rules WHERE kind = 'answer' AND field = 'survey' GROUP BY name) AS r
    ON r.name = a.survey
  LEFT JOIN people AS p ON p.customer = a.customer
  WHERE a.kind = 'answer' AND a.value IS NOT NULL AND a.part = ''
    AND (a.occurred_at >= $since AND a.occurred_at < $until OR a.occurred_at >= $before_since AND a.occurred_at < $before_until)
    AND (NOT $filtered OR CASE WHEN a.occurred_at >= $since AND a.occurred_at < $until
         THEN coalesce(a.inside AND p.settled_now, p.inside_now, a.inside, FALSE)
         ELSE coalesce(a.inside AND p.settled_before, p.inside_before, a.inside, FALSE) END)
),
used AS MATERIALIZED (
  -- Events come down to one row per customer and name before names are put to moments: a join of every event costs more
  -- than all the rest of the journey.
  SELECT customer, name, slice, inside, min(occurred_at) AS first_at, max(occurred_at) AS last_at,
         count(*) FILTER (WHERE occurred_at >= $since AND occurred_at < $until) AS now,
         count(*) FILTER (WHERE occurred_at >= $before_since AND occurred_at < $before_until) AS before,
         count(*) FILTER (WHERE error <> '' AND occurred_at >= $since AND occurred_at < $until) AS failed_now,
         count(*) FILTER (WHERE error <> '' AND occurred_at >= $before_since AND occurred_at < $before_until) AS failed_before
  FROM events_whole
  WHERE occurred_at < $horizon AND (NOT $filtered OR coalesce(inside, TRUE)
    AND (customer IS NULL OR customer IN (SELECT customer FROM concerned)))
  GROUP BY customer, name, slice, inside
),
named AS (
  SELECT n.name, min(m.stage_no * 1000 + m.moment_no) AS place
  FROM (SELECT DISTINCT name FROM used) AS n
  JOIN moments AS m ON m.kind = 'event'
    AND (m.field = '' OR CASE WHEN m.prefix THEN starts_with(n.name, m.name) ELSE n.name = m.name END)
  GROUP BY n.name
),
touched AS MATERIALIZED (
  SELECT u.customer, n.place, u.slice, u.inside, min(u.first_at) AS first_at, max(u.last_at) AS last_at,
         CAST(sum(u.now) AS BIGINT) AS now, CAST(sum(u.before) AS BIGINT) AS before,
         CAST(sum(u.failed_now) AS BIGINT) AS failed_now, CAST(sum(u.failed_before) AS BIGINT) AS failed_before,
         0 AS contacts_now, 0 AS contacts_before, CAST(sum(u.now) AS BIGINT) AS events_now
  FROM used AS u JOIN named AS n ON n.name = u.name
  GROUP BY u.customer, n.place, u.slice, u.inside
  UNION ALL
  SELECT o.customer, m.place, o.slice, o.inside, min(o.occurred_at), max(o.occurred_at),
         count(*) FILTER (WHERE o.occurred_at >= $since AND o.occurred_at < $until),
         count(*) FILTER (WHERE o.occurred_at >= $before_since AND o.occurred_at < $before_until), 0, 0,
         count(*) FILTER (WHERE o.kind = 'contact' AND o.occurred_at >= $since AND o.occurred_at < $until),
         count(*) FILTER (WHERE o.kind = 'contact' AND o.occurred_at >= $before_since AND o.occurred_at < $before_until), 0
  FROM others AS o JOIN marked AS m ON m.kind = o.kind AND m.mark = o.mark
  WHERE o.occurred_at < $horizon AND (NOT $filtered OR coalesce(o.inside, TRUE))
  GROUP BY o.customer, m.place, o.slice, o.inside
  UNION ALL
  SELECT a.customer, r.place, a.slice, a.inside, min(a.occurred_at), max(a.occurred_at),
         count(*) FILTER (WHERE a.occurred_at >= $since AND a.occurred_at < $until),
         count(*) FILTER (WHERE a.occurred_at >= $before_since AND a.occurred_at < $before_until), 0, 0, 0, 0, 0
  FROM answers_whole AS a JOIN rules AS r ON r.kind = 'answer' AND (r.field = '' OR r.name = a.survey)
  WHERE a.score IS NOT NULL AND coalesce(a.part, '') = '' AND a.occurred_at < $horizon
    AND (NOT $filtered OR coalesce(a.inside, TRUE))
  GROUP BY a.customer, r.place, a.slice, a.inside
),
-- One row per customer, place and slice of a period: `now` with the labels at its end, `before` with those at its end.
visits AS MATERIALIZED (
  SELECT t.customer, t.place,
         CASE WHEN $by THEN coalesce(t.slice, p.slice_now, 'unknown') ELSE 'all' END AS slice,
         min(t.first_at) AS first_at, CAST(sum(t.now) AS BIGINT) AS now, CAST(sum(t.failed_now) AS BIGINT) AS failed_now,
         CAST(sum(t.contacts_now) AS BIGINT) AS contacts_now, CAST(sum(t.events_now) AS BIGINT) AS events_now
  FROM touched AS t LEFT JOIN people AS p ON p.customer = t.customer
  WHERE NOT $filtered OR coalesce(t.inside AND p.settled_now, p.inside_now, t.inside, FALSE)
  GROUP BY ALL
),
visits_before AS MATERIALIZED (
  SELECT t.customer, t.place,
         CASE WHEN $by THEN coalesce(t.slice, p.slice_before, 'unknown') ELSE 'all' END AS slice,
         min(t.first_at) AS first_at, CAST(sum(t.before) AS BIGINT) AS before,
         CAST(sum(t.failed_before) AS BIGINT) AS failed_before, CAST(sum(t.contacts_before) AS BIGINT) AS contacts_before
  FROM touched AS t LEFT JOIN people AS p ON p.customer = t.customer
  WHERE t.before > 0 AND (NOT $filtered OR coalesce(t.inside AND p.settled_before, p.inside_before, t.inside, FALSE))
  GROUP BY ALL
),
stages AS MATERIALIZED (
  SELECT customer, place // 1000 AS stage_no, slice, min(first_at) AS first_at, CAST(sum(now) AS BIGINT) AS now,
         CAST(sum(failed_now) AS BIGINT) AS failed_now, CAST(sum(contacts_now) AS BIGINT) AS contacts_now
  FROM visits GROUP BY customer, place // 1000, slice
),
stages_before AS MATERIALIZED (
  SELECT customer, place // 1000 AS stage_no, slice, min(first_at) AS first_at, CAST(sum(before) AS BIGINT) AS before,
         CAST(sum(failed_before) AS BIGINT) AS failed_before, CAST(sum(contacts_before) AS BIGINT) AS contacts_before
  FROM visits_before GROUP BY customer, place // 1000, slice
),
arrivals AS (
  SELECT customer, stage_no, min(first_at) AS at, arg_min(slice, (first_at, slice)) AS slice
  FROM stages WHERE customer IS NOT NULL GROUP BY customer, stage_no
),
lasts AS (SELECT customer, max(last_at) AS at FROM touched WHERE customer IS NOT NULL GROUP BY customer),
flows AS (
  -- A first arrival ever, the first arrival at any later stage, and when last seen anywhere on the journey; who has been
  -- further before is left out.
  SELECT a.stage_no, a.slice, a.at, min(b.at) AS next_at, any_value(l.at) AS last_at
  FROM arrivals AS a JOIN lasts AS l ON l.customer = a.customer
  LEFT JOIN arrivals AS b ON b.customer = a.customer AND b.stage_no > a.stage_no
  WHERE a.at >= $before_since AND a.at < $until
  GROUP BY a.customer, a.stage_no, a.slice, a.at
  HAVING coalesce(min(b.at) >= a.at, TRUE)
),
contracts AS (
  SELECT customer,
         lower(arg_max(change, (occurred_at, position)) FILTER (WHERE occurred_at < $until)) AS last_change,
         lower(arg_min(change, (occurred_at, position))) AS first_change,
         coalesce(arg_max(amount, (occurred_at, position)) FILTER (WHERE occurred_at < $until AND amount IS NOT NULL),
                  arg_min(amount, (occurred_at, position)) FILTER (WHERE amount IS NOT NULL))
         * CASE lower(arg_max(every, (occurred_at, position)) FILTER (WHERE every IS NOT NULL))
             WHEN 'month' THEN 12 WHEN 'quarter' THEN 4 WHEN 'year' THEN 1 END AS yearly,
         coalesce(arg_max(currency, (occurred_at, position)) FILTER (WHERE currency <> ''), '') AS currency
  FROM subscriptions_whole WHERE $worth = 'recurring' AND customer IS NOT NULL
  GROUP BY customer, coalesce(subscription, key)
),
quotes AS (SELECT unnest($currencies) AS currency, unnest($closing_rates) AS rate),
worths AS (
  SELECT c.customer, sum(c.yearly * CASE WHEN $one_currency THEN 1.0 ELSE q.rate END) AS amount
  FROM contracts AS c LEFT JOIN quotes AS q ON q.currency = c.currency
  WHERE coalesce(c.last_change <> 'end', c.first_change <> 'start') GROUP BY c.customer
  UNION ALL
  SELECT customer, sum((amount - coalesce(refunded, 0)) * rate) FROM orders_whole
  WHERE $worth = 'trailing' AND customer IS NOT NULL AND occurred_at < $until
    AND occurred_at + to_days($worth_days) >= $until
  GROUP BY customer
),
voices AS (
  SELECT s.customer, s.is_now, s.metric, st.stage_no, st.slice, avg(s.score) AS score
  FROM scored AS s JOIN stages AS st ON st.customer = s.customer
  WHERE s.is_now AND st.now > 0 AND st.first_at <= s.occurred_at AND s.metric = $metric
  GROUP BY ALL
  UNION ALL
  SELECT s.customer, s.is_now, s.metric, st.stage_no, st.slice, avg(s.score)
  FROM scored AS s JOIN stages_before AS st ON st.customer = s.customer
  WHERE NOT s.is_now AND st.first_at <= s.occurred_at AND s.metric = $metric
  GROUP BY ALL
)
-- Uncut, a customer stands once at a place: counting them is enough; cut, the total needs them distinct.
SELECT 'moment' AS section, place // 1000 AS stage_no, place % 1000 AS moment_no, CAST(NULL AS VARCHAR) AS slice, 'now' AS period, NULL AS metric,
       count(customer) AS customers, CAST(sum(now) AS BIGINT) AS n, CAST(sum(failed_now) AS BIGINT) AS failed, CAST(sum(contacts_now) AS BIGINT) AS contacts,
       count(customer) FILTER (WHERE failed_now > 0) AS troubled,
       CAST(NULL AS BIGINT) AS customer, CAST(NULL AS DOUBLE) AS x, CAST(sum(failed_now * failed_now) AS DOUBLE) AS y
FROM visits WHERE now > 0 AND NOT $by GROUP BY place
UNION ALL
SELECT 'moment' AS section, place // 1000 AS stage_no, place % 1000 AS moment_no, slice, 'now' AS period, NULL AS metric,
       count(DISTINCT customer) AS customers, CAST(sum(now) AS BIGINT) AS n, CAST(sum(failed_now) AS BIGINT) AS failed, CAST(sum(contacts_now) AS BIGINT) AS contacts,
       count(DISTINCT customer) FILTER (WHERE failed_now > 0) AS troubled,
       CAST(NULL AS BIGINT) AS customer, CAST(NULL AS DOUBLE) AS x, CAST(sum(failed_now * failed_now) AS DOUBLE) AS y
FROM visits WHERE now > 0 AND $by GROUP BY GROUPING SETS ((place, slice), (place))
UNION ALL
SELECT 'moment', place // 1000, place % 1000, NULL, 'before', NULL, count(customer), CAST(sum(before) AS BIGINT),
       CAST(sum(failed_before) AS BIGINT), CAST(sum(contacts_before) AS BIGINT), count(customer) FILTER (WHERE failed_before > 0),
       NULL, NULL, NULL
FROM visits_before WHERE NOT $by GROUP BY place
UNION ALL
SELECT 'moment', place // 1000, place % 1000, slice, 'before', NULL, count(DISTINCT customer), CAST(sum(before) AS BIGINT),
       CAST(sum(failed_before) AS BIGINT), CAST(sum(contacts_before) AS BIGINT), count(DISTINCT customer) FILTER (WHERE failed_before > 0),
       NULL, NULL, NULL
FROM visits_before WHERE $by GROUP BY GROUPING SETS ((place, slice), (place))
UNION ALL
SELECT 'stage', stage_no, NULL, NULL, 'now', NULL, count(customer), CAST(sum(now) AS BIGINT), CAST(sum(failed_now) AS BIGINT),
       CAST(sum(contacts_now) AS BIGINT), count(customer) FILTER (WHERE failed_now > 0), NULL, NULL, NULL
FROM stages WHERE now > 0 AND NOT $by GROUP BY stage_no
UNION ALL
SELECT 'stage', stage_no, NULL, slice, 'now', NULL, count(DISTINCT customer), CAST(sum(now) AS BIGINT), CAST(sum(failed_now) AS BIGINT),
       CAST(sum(contacts_now) AS BIGINT), count(DISTINCT customer) FILTER (WHERE failed_now > 0), NULL, NULL, NULL
FROM stages WHERE now > 0 AND $by GROUP BY GROUPING SETS ((stage_no, slice), (stage_no))
UNION ALL
SELECT 'stage', stage_no, NULL, NULL, 'before', NULL, count(customer), CAST(sum(before) AS BIGINT), CAST(sum(failed_before) AS BIGINT),
       CAST(sum(contacts_before) AS BIGINT), count(customer) FILTER (WHERE failed_before > 0), NULL, NULL, NULL
FROM stages_before WHERE NOT $by GROUP BY stage_no
UNION ALL
SELECT 'stage', stage_no, NULL, slice, 'before', NULL, count(DISTINCT customer), CAST(sum(before) AS BIGINT), CAST(sum(failed_before) AS BIGINT),
       CAST(sum(contacts_before) AS BIGINT), count(DISTINCT customer) FILTER (WHERE failed_before > 0), NULL, NULL, NULL
FROM stages_before WHERE $by GROUP BY GROUPING SETS ((stage_no, slice), (stage_no))
UNION ALL
SELECT 'events', NULL, NULL, NULL, 'now', NULL, NULL, count(*), count(*) FILTER (WHERE customer IS NULL),
       (SELECT CAST(sum(events_now) AS BIGINT) FROM touched), NULL, NULL, NULL, NULL
FROM events_whole WHERE occurred_at >= $since AND occurred_at < $until AND (NOT $filtered OR coalesce(inside, TRUE))
UNION ALL
SELECT 'begins', NULL, NULL, NULL, 'now', NULL, NULL, NULL, NULL, NULL, NULL, NULL, min(epoch(first_at)), NULL FROM visits
UNION ALL
SELECT 'flow', stage_no, NULL, slice, CASE WHEN at >= $since THEN 'now' ELSE 'before' END, NULL, NULL,
       CAST(epoch(last_at) - epoch(at) AS BIGINT), NULL, NULL,
       NULL, NULL, epoch(next_at) - epoch(at), epoch(CAST($horizon AS TIMESTAMP)) - epoch(at)
FROM flows WHERE at >= $since OR at < $before_until
UNION ALL
SELECT 'asked', place // 1000, place % 1000, slice, CASE WHEN is_now THEN 'now' ELSE 'before' END, metric, NULL, NULL,
       NULL, NULL, NULL, coalesce(customer, -position), score, weight
FROM scored WHERE place IS NOT NULL
UNION ALL
SELECT 'seen', stage_no, NULL, slice, CASE WHEN is_now THEN 'now' ELSE 'before' END, metric, n, NULL, NULL, NULL, NULL, NULL, total / n,
       CASE WHEN n > 1 THEN sqrt(greatest(squares - total * total / n, 0) / (n - 1)) END
FROM (
  SELECT stage_no, slice, is_now, metric, count(*) AS n, exact_sum(score) AS total, exact_sum(score * score) AS squares
  FROM voices GROUP BY stage_no, slice, is_now, metric
)
UNION ALL
SELECT 'worth', s.stage_no, NULL, s.slice, 'now', NULL, count(*), NULL, NULL, NULL, NULL, NULL, exact_sum(w.amount), NULL
FROM (SELECT DISTINCT stage_no, customer, CAST(NULL AS VARCHAR) AS slice FROM stages WHERE now > 0
      UNION ALL SELECT stage_no, customer, slice FROM stages WHERE now > 0) AS s
JOIN worths AS w ON w.customer = s.customer
GROUP BY s.stage_no, s.slice
ORDER BY section, stage_no, moment_no, slice, period, metric, customer, x, y, n
