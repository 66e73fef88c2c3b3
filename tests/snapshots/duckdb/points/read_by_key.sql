SELECT orders.order_id AS order_id, orders.company_id AS company_id, orders.customer_id AS customer_id, orders.status AS status, orders.currency AS currency, orders.total AS total, orders.discount AS discount FROM commerce.orders AS orders WHERE orders.order_id = $1;
-- order_id
