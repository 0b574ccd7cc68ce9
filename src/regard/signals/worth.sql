-- What each customer is worth at the end of the period, as the company declares value.
SELECT customer, value FROM worth ORDER BY customer
