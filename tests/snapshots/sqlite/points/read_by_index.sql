SELECT commerce_orders.order_id AS order_id, commerce_orders.status AS status, commerce_orders.channel AS channel, commerce_orders.total AS total FROM commerce_orders AS commerce_orders WHERE commerce_orders.customer_id = :customer_id ORDER BY order_id NULLS LAST LIMIT 20;
-- customer_id
