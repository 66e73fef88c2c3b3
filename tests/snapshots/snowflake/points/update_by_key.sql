UPDATE commerce.customers SET credit_limit = ?, segment = ? WHERE customer_id = ?;
-- credit_limit, segment, customer_id
