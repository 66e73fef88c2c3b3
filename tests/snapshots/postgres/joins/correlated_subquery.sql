/* Which orders of a company are the biggest their customer ever placed anywhere? */ SELECT o.order_id, o.customer_id, o.total FROM commerce.orders AS o WHERE o.company_id = $1 AND o.total = (SELECT MAX(x.total) FROM commerce.orders AS x WHERE x.customer_id = o.customer_id) ORDER BY o.total DESC, o.order_id LIMIT 100;
-- company
