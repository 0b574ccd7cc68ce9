-- The journey in one pass over the log: who was at which moment, how often, with what errors, since when.
-- Event names are put to moments once per distinct name, not per event; the first declared match wins.
-- Answers in one statement, so that the log is read once; `section` says what a row is:
--   moment, stage: counts of a period;  flow: one first arrival at a stage;  asked: one scored answer at a stage;
--   seen: scores of customers seen at a stage, one mean per customer;  worth: value of the customers seen there.
WITH named AS (
  SELECT n.name, min(m.stage_no * 1000 + m.moment_no) AS place
  FROM (SELECT DISTINCT name FROM events_ever) AS n
  JOIN moments AS m ON m.kind = 'event' AND (m.field = '' OR CASE WHEN m.prefix THEN starts_with(n.name, m.name) ELSE n.name = m.name END)
  GROUP BY n.name
),
rules AS (
  SELECT kind, field, name, prefix, min(stage_no * 1000 + moment_no) AS place FROM moments
  WHERE kind <> 'event' GROUP BY kind, field, name, prefix
),
others AS (
  SELECT customer, occurred_at, period, slice, kind, lower(change) AS mark, position FROM subscriptions_ever
  UNION ALL SELECT customer, occurred_at, period, slice, kind, area, position FROM contacts_ever
  UNION ALL SELECT customer, occurred_at, period, slice, kind, promise, position FROM promises_ever
  UNION ALL SELECT customer, occurred_at, period, slice, kind, NULL, position FROM orders_ever
  UNION ALL SELECT customer, occurred_at, period, slice, kind, NULL, position FROM reviews_ever
  UNION ALL SELECT customer, occurred_at, period, slice, kind, NULL, position FROM messages_ever
),
marked AS (
  SELECT kind, mark, min(place) AS place FROM (
    SELECT d.kind, d.mark, r.place, r.field = '' AS whole
    FROM (SELECT DISTINCT kind, mark FROM others) AS d
    JOIN rules AS r ON r.kind = d.kind
      AND (r.field = '' OR CASE WHEN r.prefix THEN starts_with(d.mark, r.name) ELSE d.mark = lower(r.name) OR d.mark = r.name END)
    -- What a rule names goes before what takes the kind whole.
    QUALIFY r.field <> '' OR NOT bool_or(r.field <> '') OVER (PARTITION BY d.kind, d.mark)
  ) GROUP BY kind, mark
),
scored AS (
  SELECT a.customer, a.position, a.occurred_at, a.period, a.slice, a.weight,
         -- NPS and CSAT in points of a hundred, by their rules; everything else as given.
         CASE lower(a.metric)
           WHEN 'nps' THEN CASE WHEN a.score >= 9 THEN 100.0 WHEN a.score <= 6 THEN -100.0 ELSE 0.0 END
           WHEN 'csat' THEN CASE WHEN a.score > coalesce(a.scale_max, 5)
             - CASE WHEN coalesce(a.scale_max, 5) - coalesce(a.scale_min, 1) > 6 THEN 3
                    WHEN coalesce(a.scale_max, 5) - coalesce(a.scale_min, 1) > 2 THEN 2 ELSE 1 END
             THEN 100.0 ELSE 0.0 END
           ELSE a.score END AS score,
         lower(coalesce(nullif(a.metric, ''), 'score')) AS metric, r.place
  FROM answers_ever AS a
  LEFT JOIN (SELECT name, min(place) AS place FROM rules WHERE kind = 'answer' AND field = 'survey' GROUP BY name) AS r
    ON r.name = a.survey
  WHERE a.score IS NOT NULL AND coalesce(a.part, '') = '' AND a.period IN ('now', 'before')
),
touches AS (
  SELECT e.customer, e.occurred_at, e.period, e.slice, n.place, e.error IS NOT NULL AND e.error <> '' AS failed, FALSE AS contact, TRUE AS event
  FROM events_ever AS e JOIN named AS n ON n.name = e.name
  UNION ALL
  SELECT o.customer, o.occurred_at, o.period, o.slice, m.place, FALSE, o.kind = 'contact', FALSE
  FROM others AS o JOIN marked AS m ON m.kind = o.kind AND m.mark IS NOT DISTINCT FROM o.mark
  UNION ALL
  SELECT s.customer, s.occurred_at, s.period, s.slice, s.place, FALSE, FALSE, FALSE FROM scored AS s WHERE s.place IS NOT NULL
),
visits AS MATERIALIZED (
  SELECT customer, place, slice, min(occurred_at) AS first_at,
         count(*) FILTER (WHERE period = 'now') AS now, count(*) FILTER (WHERE period = 'before') AS before,
         count(*) FILTER (WHERE failed AND period = 'now') AS failed_now,
         count(*) FILTER (WHERE failed AND period = 'before') AS failed_before,
         count(*) FILTER (WHERE contact AND period = 'now') AS contacts_now,
         count(*) FILTER (WHERE contact AND period = 'before') AS contacts_before,
         count(*) FILTER (WHERE event AND period = 'now') AS events_now
  FROM touches
  WHERE occurred_at < $horizon
  GROUP BY customer, place, slice
),
stages AS MATERIALIZED (
  SELECT customer, place // 1000 AS stage_no, slice, min(first_at) AS first_at, CAST(sum(now) AS BIGINT) AS now, CAST(sum(before) AS BIGINT) AS before,
         CAST(sum(failed_now) AS BIGINT) AS failed_now, CAST(sum(failed_before) AS BIGINT) AS failed_before,
         CAST(sum(contacts_now) AS BIGINT) AS contacts_now, CAST(sum(contacts_before) AS BIGINT) AS contacts_before
  FROM visits GROUP BY customer, place // 1000, slice
),
arrivals AS (
  SELECT customer, stage_no, min(first_at) AS at, arg_min(slice, (first_at, slice)) AS slice
  FROM stages WHERE customer IS NOT NULL GROUP BY customer, stage_no
),
flows AS (
  -- A first arrival ever, and the first arrival at any later stage; who has been further before is left out.
  SELECT a.stage_no, a.slice, a.at, min(b.at) AS next_at
  FROM arrivals AS a LEFT JOIN arrivals AS b ON b.customer = a.customer AND b.stage_no > a.stage_no
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
  SELECT s.customer, s.period, s.metric, st.stage_no, st.slice, avg(s.score) AS score
  FROM scored AS s JOIN stages AS st ON st.customer = s.customer
  WHERE (s.period = 'now' AND st.now > 0 OR s.period = 'before' AND st.before > 0) AND st.first_at <= s.occurred_at
    AND s.metric = $metric
  GROUP BY ALL
)
SELECT 'moment' AS section, place // 1000 AS stage_no, place % 1000 AS moment_no, slice, 'now' AS period, NULL AS metric,
       count(DISTINCT customer) AS customers, CAST(sum(now) AS BIGINT) AS n, CAST(sum(failed_now) AS BIGINT) AS failed, CAST(sum(contacts_now) AS BIGINT) AS contacts,
       count(DISTINCT customer) FILTER (WHERE failed_now > 0) AS troubled,
       CAST(NULL AS BIGINT) AS customer, CAST(NULL AS DOUBLE) AS x, CAST(sum(failed_now * failed_now) AS DOUBLE) AS y
FROM visits WHERE now > 0 GROUP BY GROUPING SETS ((place, slice), (place))
UNION ALL
SELECT 'moment', place // 1000, place % 1000, slice, 'before', NULL, count(DISTINCT customer), CAST(sum(before) AS BIGINT),
       CAST(sum(failed_before) AS BIGINT), CAST(sum(contacts_before) AS BIGINT), count(DISTINCT customer) FILTER (WHERE failed_before > 0),
       NULL, NULL, NULL
FROM visits WHERE before > 0 GROUP BY GROUPING SETS ((place, slice), (place))
UNION ALL
SELECT 'stage', stage_no, NULL, slice, 'now', NULL, count(DISTINCT customer), CAST(sum(now) AS BIGINT), CAST(sum(failed_now) AS BIGINT),
       CAST(sum(contacts_now) AS BIGINT), count(DISTINCT customer) FILTER (WHERE failed_now > 0), NULL, NULL, NULL
FROM stages WHERE now > 0 GROUP BY GROUPING SETS ((stage_no, slice), (stage_no))
UNION ALL
SELECT 'stage', stage_no, NULL, slice, 'before', NULL, count(DISTINCT customer), CAST(sum(before) AS BIGINT), CAST(sum(failed_before) AS BIGINT),
       CAST(sum(contacts_before) AS BIGINT), count(DISTINCT customer) FILTER (WHERE failed_before > 0), NULL, NULL, NULL
FROM stages WHERE before > 0 GROUP BY GROUPING SETS ((stage_no, slice), (stage_no))
UNION ALL
SELECT 'events', NULL, NULL, NULL, 'now', NULL, NULL, count(*), count(*) FILTER (WHERE customer IS NULL),
       (SELECT CAST(sum(events_now) AS BIGINT) FROM visits), NULL, NULL, min(epoch(occurred_at)), NULL
FROM events_ever WHERE period = 'now'
UNION ALL
SELECT 'begins', NULL, NULL, NULL, 'now', NULL, NULL, NULL, NULL, NULL, NULL, NULL, min(epoch(first_at)), NULL FROM visits
UNION ALL
SELECT 'flow', stage_no, NULL, slice, CASE WHEN at >= $since THEN 'now' ELSE 'before' END, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, epoch(next_at) - epoch(at), epoch(CAST($horizon AS TIMESTAMP)) - epoch(at)
FROM flows WHERE at >= $since OR at < $before_until
UNION ALL
SELECT 'asked', place // 1000, place % 1000, slice, period, metric, NULL, NULL, NULL, NULL, NULL,
       coalesce(customer, -position), score, weight
FROM scored WHERE place IS NOT NULL
UNION ALL
SELECT 'seen', stage_no, NULL, slice, period, metric, count(*), NULL, NULL, NULL, NULL, NULL, avg(score), stddev_samp(score)
FROM voices GROUP BY stage_no, slice, period, metric
UNION ALL
SELECT 'worth', s.stage_no, NULL, s.slice, 'now', NULL, count(*), NULL, NULL, NULL, NULL, NULL, sum(w.amount), NULL
FROM (SELECT DISTINCT stage_no, customer, CAST(NULL AS VARCHAR) AS slice FROM stages WHERE now > 0
      UNION ALL SELECT stage_no, customer, slice FROM stages WHERE now > 0) AS s
JOIN worths AS w ON w.customer = s.customer
GROUP BY s.stage_no, s.slice
