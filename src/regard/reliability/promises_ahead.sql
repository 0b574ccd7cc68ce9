-- Every promise with its deadline: when it was made, kept and called off; what is known only after the period is left out.
WITH zone AS (SELECT unnest($zone_since) AS since, unnest($zone_seconds) AS seconds)
SELECT coalesce(nullif(p.promise, ''), 'promise') AS promise, p.about, p.key, p.customer, p.slice, p.slices,
       epoch(p.occurred_at) AS made,
       epoch(CASE WHEN coalesce(lower(p.due_by), '') = 'day'
         THEN date_trunc('day', p.due_at + to_seconds(d.seconds)) + INTERVAL 1 DAY - to_seconds(d.seconds)
              - INTERVAL 1 MICROSECOND
         ELSE p.due_at END) AS deadline,
       CASE WHEN p.kept_at < $now THEN epoch(p.kept_at) END AS kept,
       CASE WHEN p.withdrawn_at < $now THEN epoch(p.withdrawn_at) END AS withdrawn,
       coalesce(c.name, c.id) AS name, c.id AS id
FROM promises_ever AS p ASOF JOIN zone AS d ON p.due_at >= d.since
LEFT JOIN lake_customer AS c ON c.customer = p.customer
WHERE p.occurred_at < $now AND ($kind = '' OR p.promise = $kind)
ORDER BY promise, deadline, p.position
