-- Attempts by indicator, customer, day before the end (the last 24 hours are day 0) and combination of dimensions: how many
-- there were and how many went well.
SELECT no, customer, CAST((epoch_us($end) - epoch_us(occurred_at) - 1) // 86400000000 AS INTEGER) AS age, slices,
       sum(total * weight) AS total, sum(good * weight) AS good, max(weight) AS heaviest
FROM attempts_ever
WHERE occurred_at >= $history AND occurred_at < $end
GROUP BY ALL
