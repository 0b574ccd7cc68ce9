-- Size and value of the base just before each of several instants; the same spans as ledger.sql, which see.
WITH records AS (
  -- Later records, too: a contract known only by its end was there before.
  SELECT customer, coalesce(subscription, key) AS contract, occurred_at AS at, position, lower(change) AS change,
         amount, lower(every) AS every, nullif(currency, '') AS currency, slice, inside
  FROM subscriptions_whole
  WHERE ($lost = 'subscription ends' OR $worth = 'recurring') AND customer IS NOT NULL
),
steps AS (
  SELECT customer, contract, at, change,
         row_number() OVER w AS step,
         lead(at) OVER w AS next_at,
         last_value(amount IGNORE NULLS) OVER w
           * CASE last_value(every IGNORE NULLS) OVER w
               WHEN 'month' THEN 12 WHEN 'quarter' THEN 4 WHEN 'year' THEN 1 END AS yearly,
         coalesce(last_value(currency IGNORE NULLS) OVER w, '') AS currency
  FROM records
  WINDOW w AS (PARTITION BY customer, contract ORDER BY at, position)
),
contracts AS (
  SELECT customer, contract, at AS since, coalesce(next_at, TIMESTAMP '2900-01-01') AS until, yearly, currency
  FROM steps
  WHERE change <> 'end' AND (next_at IS NULL OR next_at > at)
  UNION ALL
  -- A contract whose first record is no start began before the log did.
  SELECT customer, contract, TIMESTAMP '1900-01-01', at, yearly, currency
  FROM steps
  WHERE step = 1 AND change <> 'start'
),
purchases AS (
  SELECT customer, occurred_at AS at, (amount - coalesce(refunded, 0)) * rate AS amount, slice, inside
  FROM orders_whole
  WHERE ($lost = 'no order' OR $worth = 'trailing') AND customer IS NOT NULL AND occurred_at < $latest
),
signs AS (
  SELECT customer, occurred_at AS at FROM events_whole
  WHERE $lost = 'no activity' AND customer IS NOT NULL AND occurred_at < $latest
  UNION ALL
  SELECT customer, occurred_at FROM orders_whole
  WHERE $lost = 'no activity' AND customer IS NOT NULL AND occurred_at < $latest
  UNION ALL
  SELECT customer, occurred_at FROM telemetry_whole
  WHERE $lost = 'no activity' AND customer IS NOT NULL AND occurred_at < $latest
),
touches AS (
  SELECT customer, since, until FROM contracts WHERE $lost = 'subscription ends'
  UNION ALL
  SELECT customer, at, at + to_days($days) FROM purchases WHERE $lost = 'no order'
  UNION ALL
  SELECT customer, min(at), max(at) + to_days($days)
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
stays AS (SELECT customer, min(since) AS since, max(until) AS until FROM numbered GROUP BY customer, stay),
instants AS (SELECT unnest($instants) AS instant),
quotes AS (
  SELECT unnest($quote_instants) AS instant, unnest($quote_currencies) AS currency, unnest($quote_rates) AS rate
),
present AS (
  SELECT i.instant, m.customer FROM instants i JOIN stays m ON m.since < i.instant AND m.until >= i.instant
),
outside AS (
  -- What the labels of those present say at the instant; of everybody who ever was, it would be told in vain.
  SELECT p.instant, p.customer, s.inside, s.settled
  FROM present p JOIN standings s ON s.customer = p.customer AND s.since < p.instant AND s.until >= p.instant
  WHERE $filtered
),
said AS (
  SELECT customer, at, inside FROM records WHERE $filtered AND inside IS NOT NULL
  UNION ALL
  SELECT customer, at, inside FROM purchases WHERE $filtered AND inside IS NOT NULL
),
own AS (
  SELECT p.instant, p.customer, arg_max(d.inside, d.at) AS inside
  FROM present p JOIN said d ON d.customer = p.customer AND d.at < p.instant
  GROUP BY p.instant, p.customer
),
members AS (
  SELECT p.instant, p.customer
  FROM present p
  LEFT JOIN outside x ON x.instant = p.instant AND x.customer = p.customer
  LEFT JOIN own o ON o.instant = p.instant AND o.customer = p.customer
  WHERE NOT $filtered OR coalesce(o.inside AND x.settled, x.inside, o.inside, FALSE)
),
worths AS (
  SELECT i.instant, c.customer, c.yearly * CASE WHEN $one_currency THEN 1.0 ELSE q.rate END AS amount
  FROM instants i JOIN contracts c ON c.since < i.instant AND c.until >= i.instant
  LEFT JOIN quotes q ON q.instant = i.instant AND q.currency = c.currency
  WHERE $worth = 'recurring'
  UNION ALL
  SELECT i.instant, b.customer, b.amount
  FROM instants i JOIN purchases b ON b.at < i.instant AND b.at + to_days($worth_days) >= i.instant
  WHERE $worth = 'trailing'
),
worth AS (SELECT instant, customer, sum(amount) AS amount FROM worths GROUP BY instant, customer)
SELECT i.instant, count(m.customer) AS customers, coalesce(exact_sum(w.amount), 0) AS value
FROM instants i
LEFT JOIN members m ON m.instant = i.instant
LEFT JOIN worth w ON w.instant = m.instant AND w.customer = m.customer
GROUP BY i.instant ORDER BY i.instant
