UPDATE commerce_customers SET credit_limit = :credit_limit, segment = :segment WHERE customer_id = :customer_id;
-- credit_limit, segment, customer_id
