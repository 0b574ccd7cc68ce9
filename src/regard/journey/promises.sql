-- Promises by what became of them, counted where they fell due: per period, promise and slice.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds),
timed AS (
  SELECT p.promise, p.slice, p.weight, p.customer, p.due_at, p.kept_at, p.withdrawn_at,
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
)
SELECT due_period AS period, coalesce(nullif(promise, ''), 'promise') AS promise, slice, outcome,
       count(*) AS n, sum(weight) AS weight, sum(weight * weight) AS squares, count(DISTINCT customer) AS customers, count(customer) AS known,
       quantile_cont(epoch(kept_at) - epoch(deadline), [0.5, 0.9]) FILTER (WHERE outcome = 'late') AS lateness
FROM judged
WHERE due_period IN ('now', 'before') OR (due_period = 'ahead' AND outcome IN ('at risk', 'open'))
GROUP BY ALL
ORDER BY ALL
