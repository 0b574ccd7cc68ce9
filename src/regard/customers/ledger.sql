-- Who was in the base at the two ends of the period, under which label, and what they were worth there.
-- One row per customer who was in the base at either end or came and left in between.
-- "At" an end means just before that instant: spans count as (since, until], so the closing of one period is the
-- opening of the next, and signals of the first second of a period belong to the period.
-- With `everyone` false only the customers of `only` are read. Branches that the declarations do not ask for are constant false and read nothing.
WITH records AS (
  -- Later records, too: a contract known only by its end was there before.
  SELECT customer, coalesce(subscription, key) AS contract, occurred_at AS at, position, lower(change) AS change,
         amount, lower(every) AS every, nullif(currency, '') AS currency, reason, reason_from, slice, inside
  FROM subscriptions_whole
  WHERE ($lost = 'subscription ends' OR $worth = 'recurring') AND customer IS NOT NULL AND ($everyone OR customer IN (SELECT unnest($only)))
    AND NOT ($as_known AND occurred_at < $since AND received_at >= $since AND list_contains($live, source))
),
steps AS (
  SELECT customer, contract, at, change,
         row_number() OVER w AS step,
         lead(at) OVER w AS next_at,
         lead(change) OVER w AS next_change,
         lead(reason) OVER w AS next_reason,
         lead(reason_from) OVER w AS next_reason_from,
         last_value(amount IGNORE NULLS) OVER w
           * CASE last_value(every IGNORE NULLS) OVER w
               WHEN 'month' THEN 12 WHEN 'quarter' THEN 4 WHEN 'year' THEN 1 END AS yearly,
         coalesce(last_value(currency IGNORE NULLS) OVER w, '') AS currency,
         reason, reason_from
  FROM records
  WINDOW w AS (PARTITION BY customer, contract ORDER BY at, position)
),
contracts AS (
  SELECT customer, contract, at AS since, coalesce(next_at, TIMESTAMP '2900-01-01') AS until, yearly, currency,
         CASE WHEN next_change = 'end' THEN next_reason END AS reason,
         CASE WHEN next_change = 'end' THEN next_reason_from END AS reason_from
  FROM steps
  WHERE change <> 'end' AND (next_at IS NULL OR next_at > at)
  UNION ALL
  -- A contract whose first record is no start began before the log did.
  SELECT customer, contract, TIMESTAMP '1900-01-01', at, yearly, currency,
         CASE WHEN change = 'end' THEN reason END, CASE WHEN change = 'end' THEN reason_from END
  FROM steps
  WHERE step = 1 AND change <> 'start'
),
purchases AS (
  SELECT customer, occurred_at AS at, (amount - coalesce(refunded, 0)) * rate AS amount, slice, inside
  FROM orders_whole
  WHERE ($lost = 'no order' OR $worth = 'trailing') AND customer IS NOT NULL AND ($everyone OR customer IN (SELECT unnest($only))) AND occurred_at < $until
    AND NOT ($as_known AND occurred_at < $since AND received_at >= $since AND list_contains($live, source))
),
signs AS (
  SELECT customer, occurred_at AS at FROM events_whole
  WHERE $lost = 'no activity' AND customer IS NOT NULL AND ($everyone OR customer IN (SELECT unnest($only))) AND occurred_at < $until
    AND NOT ($as_known AND occurred_at < $since AND received_at >= $since AND list_contains($live, source))
  UNION ALL
  SELECT customer, occurred_at FROM orders_whole
  WHERE $lost = 'no activity' AND customer IS NOT NULL AND ($everyone OR customer IN (SELECT unnest($only))) AND occurred_at < $until
    AND NOT ($as_known AND occurred_at < $since AND received_at >= $since AND list_contains($live, source))
  UNION ALL
  SELECT customer, occurred_at FROM telemetry_whole
  WHERE $lost = 'no activity' AND customer IS NOT NULL AND ($everyone OR customer IN (SELECT unnest($only))) AND occurred_at < $until
    AND NOT ($as_known AND occurred_at < $since AND received_at >= $since AND list_contains($live, source))
),
touches AS (
  SELECT customer, since, until, reason, reason_from FROM contracts WHERE $lost = 'subscription ends'
  UNION ALL
  SELECT customer, at, at + to_days($days), NULL, NULL FROM purchases WHERE $lost = 'no order'
  UNION ALL
  SELECT customer, min(at), max(at) + to_days($days), NULL, NULL
  -- Signs within one block of so many days are never further apart than that: one span each is exact, and few.
  FROM signs GROUP BY customer, CAST(floor(epoch(at) / (86400 * $days)) AS BIGINT)
),
reached AS (
  SELECT *, max(until) OVER (
    PARTITION BY customer ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS reach
  FROM touches
),
numbered AS (
  SELECT *, sum(CASE WHEN reach IS NULL OR since > reach THEN 1 ELSE 0 END) OVER (
    PARTITION BY customer ORDER BY since, until ROWS UNBOUNDED PRECEDING
  ) AS stay
  FROM reached
),
stays AS (
  SELECT customer, stay, min(since) AS since, max(until) AS until,
         arg_max(reason, until) AS reason, arg_max(reason_from, until) AS reason_from
  FROM numbered GROUP BY customer, stay
),
present AS (
  SELECT customer,
         bool_or(since < $since AND until >= $since) AS at_opening,
         bool_or(since < $until AND until >= $until) AS at_closing,
         min(since) AS first_since,
         max(until) FILTER (WHERE until >= $since AND until < $until) AS left_at,
         max(since) FILTER (WHERE since >= $since) AS came_at,
         arg_max(reason, until) FILTER (WHERE until >= $since AND until < $until) AS reason,
         arg_max(reason_from, until) FILTER (WHERE until >= $since AND until < $until) AS reason_from
  FROM stays GROUP BY customer
  HAVING bool_or(since < $until AND until >= $since)
),
quotes AS (SELECT unnest($currencies) AS currency, unnest($opening_rates) AS opening, unnest($closing_rates) AS closing),
rated AS (
  SELECT c.*, CASE WHEN $one_currency THEN 1.0 ELSE q.opening END AS opening_rate,
         CASE WHEN $one_currency THEN 1.0 ELSE q.closing END AS closing_rate
  FROM contracts c LEFT JOIN quotes q USING (currency)
  WHERE $worth = 'recurring'
),
held AS (
  SELECT customer, contract,
         any_value(yearly * opening_rate) FILTER (WHERE since < $since AND until >= $since) AS opening,
         any_value(yearly * closing_rate) FILTER (WHERE since < $until AND until >= $until) AS closing,
         any_value(yearly * (closing_rate - opening_rate)) FILTER (WHERE since < $since AND until >= $since) AS exchange,
         any_value(currency) FILTER (WHERE since < $since AND until >= $since) AS opening_currency,
         any_value(currency) FILTER (WHERE since < $until AND until >= $until) AS closing_currency,
         count(*) FILTER (WHERE since < $until AND until >= $until AND yearly * closing_rate IS NULL) AS unvalued
  FROM rated GROUP BY customer, contract
),
leaving AS (
  SELECT p.customer, sum(r.yearly * r.closing_rate) AS amount
  FROM present p JOIN rated r ON r.customer = p.customer AND r.since < p.left_at AND r.until >= p.left_at
  WHERE NOT p.at_opening AND NOT p.at_closing
  GROUP BY p.customer
  UNION ALL
  SELECT p.customer, sum(b.amount)
  FROM present p JOIN purchases b ON b.customer = p.customer AND b.at < p.left_at AND b.at + to_days($worth_days) >= p.left_at
  WHERE NOT p.at_opening AND NOT p.at_closing AND $worth = 'trailing'
  GROUP BY p.customer
),
worths AS (
  SELECT customer, sum(opening) AS opening, sum(closing) AS closing,
         sum(exchange) FILTER (WHERE opening_currency = closing_currency) AS exchange,
         CAST(sum(unvalued) AS BIGINT) AS unvalued
  FROM held GROUP BY customer
  UNION ALL
  SELECT customer,
         sum(amount) FILTER (WHERE at < $since AND at + to_days($worth_days) >= $since),
         sum(amount) FILTER (WHERE at < $until AND at + to_days($worth_days) >= $until),
         0, count(*) FILTER (WHERE at < $until AND at + to_days($worth_days) >= $until AND amount IS NULL)
  FROM purchases WHERE $worth = 'trailing' GROUP BY customer
),
said AS (
  SELECT customer, at, slice, inside FROM records WHERE $cut AND at < $until
  UNION ALL
  SELECT customer, at, slice, inside FROM purchases WHERE $cut
),
own AS (
  SELECT customer,
         arg_max(slice, at) FILTER (WHERE at < $since AND slice IS NOT NULL) AS slice_opening,
         arg_max(slice, at) FILTER (WHERE slice IS NOT NULL) AS slice_closing,
         arg_max(inside, at) FILTER (WHERE at < $since AND inside IS NOT NULL) AS inside_opening,
         arg_max(inside, at) FILTER (WHERE inside IS NOT NULL) AS inside_closing
  FROM said GROUP BY customer
),
standing_opening AS (SELECT * FROM standings WHERE $cut AND since < $since AND until >= $since),
standing_closing AS (SELECT * FROM standings WHERE $cut AND since < $until AND until >= $until)
SELECT p.customer, p.at_opening, p.at_closing, p.first_since < $since AS known_before, p.left_at, p.came_at,
       p.first_since, p.reason, p.reason_from,
       CASE WHEN NOT $cut THEN 'all'
            WHEN coalesce(o.inside_opening AND so.settled, so.inside, o.inside_opening, FALSE)
            THEN CASE WHEN $by THEN coalesce(o.slice_opening, so.slice, 'unknown') ELSE 'all' END END AS label_opening,
       CASE WHEN NOT $cut THEN 'all'
            WHEN coalesce(o.inside_closing AND sc.settled, sc.inside, o.inside_closing, FALSE)
            THEN CASE WHEN $by THEN coalesce(o.slice_closing, sc.slice, 'unknown') ELSE 'all' END END AS label_closing,
       CASE WHEN p.at_opening THEN coalesce(w.opening, 0) ELSE 0 END AS opening,
       CASE WHEN p.at_closing THEN coalesce(w.closing, 0) ELSE 0 END AS closing,
       CASE WHEN p.at_opening AND p.at_closing THEN coalesce(w.exchange, 0) ELSE 0 END AS exchange,
       coalesce(l.amount, 0) AS leaving,
       CASE WHEN p.at_closing THEN coalesce(w.unvalued, 0) ELSE 0 END AS unvalued
FROM present p
LEFT JOIN worths w ON w.customer = p.customer
LEFT JOIN leaving l ON l.customer = p.customer
LEFT JOIN own o ON o.customer = p.customer
LEFT JOIN standing_opening so ON so.customer = p.customer
LEFT JOIN standing_closing sc ON sc.customer = p.customer
ORDER BY p.customer
