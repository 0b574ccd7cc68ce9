-- What customers are called, and under which label they stand.
SELECT customer, id, name, slice FROM customers ORDER BY customer
