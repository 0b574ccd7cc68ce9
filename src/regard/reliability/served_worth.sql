-- What customers are worth at the end of the period, of those kept as not served well.
SELECT customer, value FROM worth WHERE customer IN (SELECT customer FROM unserved)
