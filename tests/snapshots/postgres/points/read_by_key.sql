SELECT order_id, company_id, customer_id, status, currency, total, discount FROM commerce.orders WHERE order_id = $1;
-- order_id
