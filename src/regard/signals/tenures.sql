-- Every stay of a customer under contract, as known at the end of the period: since when, until when, why it ended,
-- what it paid a year at its end (or pays now), how often it comes up for renewal, until when it is paid.
-- Stays are those of the base ledger: contracts of one customer that touch are one stay.
WITH records AS (
  SELECT customer, coalesce(subscription, key) AS contract, occurred_at AS at, position, lower(change) AS change,
         amount, lower(every) AS every, nullif(currency, '') AS currency, until AS paid_until, nullif(reason, '') AS reason,
         nullif(reason_from, '') AS reason_from
  FROM subscriptions_whole
  WHERE customer IS NOT NULL AND occurred_at < $until
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
         last_value(every IGNORE NULLS) OVER w AS every,
         coalesce(last_value(currency IGNORE NULLS) OVER w, '') AS currency,
         paid_until, reason, reason_from
  FROM records
  WINDOW w AS (PARTITION BY customer, contract ORDER BY at, position)
),
contracts AS (
  SELECT customer, contract, at AS since, coalesce(next_at, TIMESTAMP '2900-01-01') AS until, yearly, every, currency,
         paid_until, CASE WHEN next_change = 'end' THEN next_reason END AS reason,
         CASE WHEN next_change = 'end' THEN next_reason_from END AS reason_from
  FROM steps
  WHERE change <> 'end' AND (next_at IS NULL OR next_at > at)
  UNION ALL
  SELECT customer, contract, TIMESTAMP '1900-01-01', at, yearly, every, currency, NULL,
         CASE WHEN change = 'end' THEN reason END, CASE WHEN change = 'end' THEN reason_from END
  FROM steps
  WHERE step = 1 AND change <> 'start'
),
reached AS (
  SELECT *, max(until) OVER (
    PARTITION BY customer ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) AS reach
  FROM contracts
),
numbered AS (
  SELECT *, sum(CASE WHEN reach IS NULL OR since > reach THEN 1 ELSE 0 END) OVER (
    PARTITION BY customer ORDER BY since, until ROWS UNBOUNDED PRECEDING
  ) AS stay
  FROM reached
),
stays AS (
  SELECT customer, stay, min(since) AS since, max(until) AS until,
         arg_max_null(reason, until) AS reason, arg_max_null(reason_from, until) AS reason_from
  FROM numbered GROUP BY customer, stay
),
quotes AS (SELECT unnest($currencies) AS currency, unnest($closing_rates) AS rate),
last AS (
  SELECT s.customer, s.stay, exact_sum(n.yearly * CASE WHEN $one_currency THEN 1.0 ELSE q.rate END) AS value,
         arg_max(n.every, n.yearly * CASE WHEN $one_currency THEN 1.0 ELSE q.rate END) AS every,
         max(n.paid_until) AS paid_until
  FROM stays AS s
  JOIN numbered AS n ON n.customer = s.customer AND n.stay = s.stay
       AND n.since < least(s.until, $until) AND n.until >= least(s.until, $until)
  LEFT JOIN quotes AS q ON q.currency = n.currency
  GROUP BY s.customer, s.stay
)
SELECT s.customer, k.id, k.name, k.slice, s.since, CASE WHEN s.until < $until THEN s.until END AS left_at,
       s.reason, s.reason_from, l.value, coalesce(l.every, '') AS every, l.paid_until
FROM stays AS s
JOIN customers AS k ON k.customer = s.customer
LEFT JOIN last AS l ON l.customer = s.customer AND l.stay = s.stay
ORDER BY k.id, s.since
