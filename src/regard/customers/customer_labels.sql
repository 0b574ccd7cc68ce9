-- Labels of one customer as they are now.
SELECT labels FROM lake_customer WHERE customer = $customer AND labels IS NOT NULL
