SELECT commerce_orders.order_id AS order_id, commerce_orders.company_id AS company_id, commerce_orders.customer_id AS customer_id, commerce_orders.status AS status, commerce_orders.currency AS currency, commerce_orders.total AS total, commerce_orders.discount AS discount FROM commerce_orders AS commerce_orders WHERE commerce_orders.order_id = :order_id;
-- order_id
