-- What the company did for everybody about then, as it told: releases, improvements, decisions.
SELECT name, occurred_at
FROM acts_ever
WHERE customer IS NULL AND occurred_at >= $start AND occurred_at < $stop
ORDER BY occurred_at, name
LIMIT 20
