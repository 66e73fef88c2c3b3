SELECT orders.order_id AS order_id, orders.status AS status, orders.channel AS channel, orders.total AS total FROM commerce.orders AS orders WHERE orders.customer_id = ? ORDER BY order_id LIMIT 20;
-- customer_id
