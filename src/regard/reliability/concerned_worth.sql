-- What the customers concerned are worth.
SELECT sum(value) AS value FROM worth WHERE customer IN (SELECT customer FROM concerned)
