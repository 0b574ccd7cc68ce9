-- What waits for us: contacts not solved and promises not kept, the longest waiting first.
SELECT 'contact' AS what, concat_ws(': ', area, issue) AS about, coalesce(subject, verbatim) AS words, occurred_at AS since,
       CAST(NULL AS TIMESTAMP) AS due, coalesce(key, '') AS key, answered_at IS NOT NULL AS answered
FROM contacts_whole
WHERE customer = $customer AND solved_at IS NULL
  AND lower(coalesce(status, '')) NOT IN ('closed', 'solved', 'resolved', 'done', 'cancelled', 'canceled')
UNION ALL
SELECT 'promise', coalesce(nullif(promise, ''), 'promise'), about, occurred_at, due_at, coalesce(key, ''), FALSE
FROM promises_whole WHERE customer = $customer AND kept_at IS NULL AND withdrawn_at IS NULL
ORDER BY coalesce(due, since), key
