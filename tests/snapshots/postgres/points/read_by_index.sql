SELECT order_id, status, channel, total FROM commerce.orders WHERE customer_id = $1 ORDER BY order_id LIMIT 20;
-- customer_id
