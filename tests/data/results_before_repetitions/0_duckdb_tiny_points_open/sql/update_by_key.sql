UPDATE commerce.customers SET credit_limit = $1, segment = $2 WHERE customer_id = $3;
