/* Which goods came back in quantity, per category? */ SELECT p.category, COUNT(*) AS products, ROUND(SUM(p.price), 2) AS list_price, ROUND(SUM(p.cost), 2) AS list_cost FROM commerce.products AS p WHERE p.active AND p.product_id IN (SELECT l.product_id FROM commerce.order_lines AS l WHERE l.returned AND l.quantity >= $1) GROUP BY p.category ORDER BY p.category;
-- quantity
