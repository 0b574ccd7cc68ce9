-- Reasons somebody recorded with an end, of customers whose base is no matter of contracts.
SELECT customer, occurred_at AS at, nullif(reason, '') AS reason, nullif(reason_from, '') AS reason_from
FROM subscriptions_whole
WHERE customer IS NOT NULL AND lower(change) = 'end' AND coalesce(reason, '') <> '' AND occurred_at < $until
ORDER BY customer, at
