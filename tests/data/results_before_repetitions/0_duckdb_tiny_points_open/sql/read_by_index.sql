SELECT orders.order_id AS order_id, orders.status AS status, orders.channel AS channel, orders.total AS total FROM commerce.orders AS orders WHERE orders.customer_id = $1 ORDER BY order_id LIMIT 20;
