/* Which orders of a company are the biggest their customer ever placed anywhere? */ SELECT o.order_id AS order_id, o.customer_id AS customer_id, o.total AS total FROM commerce.orders AS o WHERE o.company_id = ? AND o.total = (SELECT MAX(x.total) AS _col_0 FROM commerce.orders AS x WHERE x.customer_id = o.customer_id) ORDER BY o.total DESC, o.order_id LIMIT 100;
-- company
