-- Promises by what became of them, counted where they fell due: per period, promise and slice.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
timed AS (
  SELECT p.promise, p.slice, p.weight, p.customer, p.position, p.due_at, p.kept_at, p.withdrawn_at,
         CASE WHEN CASE WHEN $rule = '' THEN coalesce(lower(p.due_by), '') ELSE $rule END = 'day'
           -- A promise for a day holds until that day ends where the company is.
           THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
                - INTERVAL 1 MICROSECOND
           ELSE p.due_at END AS deadline
  FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since
  WHERE p.due_at >= least($since, $before_since) AND ($kind = '' OR p.promise = $kind)
),
judged AS (
  SELECT *,
         CASE WHEN due_at >= $since AND due_at < $until THEN 'now'
              WHEN due_at >= $before_since AND due_at < $before_until THEN 'before'
              WHEN due_at >= $until THEN 'ahead' END AS due_period,
         CASE WHEN kept_at <= deadline AND (deadline < $until OR kept_at < $until) THEN 'kept'
              WHEN withdrawn_at <= deadline AND (deadline < $until OR withdrawn_at < $until) THEN 'withdrawn'
              WHEN deadline >= $until AND deadline < $until + to_days($days) THEN 'at risk'
              WHEN deadline >= $until THEN 'open'
              WHEN kept_at IS NOT NULL THEN 'late'
              ELSE 'never' END AS outcome
  FROM timed
),
-- By voices a promise weighs what its row stands for; by customers each customer weighs one promise of those that
-- fell due, however many were made to them; by value, what the customer is worth.
weighed AS (
  SELECT * REPLACE (
    CASE WHEN $count = 'voices' THEN weight
         ELSE weight / count(*) OVER (
           PARTITION BY coalesce(customer, -position), due_period, outcome IN ('kept', 'late', 'never')
         ) * CASE WHEN $count = 'value' THEN greatest(coalesce(value, 0), 0) ELSE 1 END
    END AS weight
  )
  FROM judged LEFT JOIN (SELECT customer AS who, value FROM worth WHERE $count = 'value') AS v ON v.who = customer
)
SELECT due_period AS period, coalesce(nullif(promise, ''), 'promise') AS promise, slice, outcome,
       count(*) AS n, exact_sum(1e6 * weight) / 1e6 AS weight, exact_sum(1e6 * weight * weight) / 1e6 AS squares,
       count(*) FILTER (WHERE weight = 0) AS weightless, count(DISTINCT customer) AS customers, count(customer) AS known,
       quantile_cont(epoch(kept_at) - epoch(deadline), [0.5, 0.9]) FILTER (WHERE outcome = 'late') AS lateness
FROM weighed
WHERE due_period IN ('now', 'before') OR (due_period = 'ahead' AND outcome IN ('at risk', 'open'))
GROUP BY ALL
ORDER BY ALL
