/* What did one company sell, per state of the order? Companies differ in size by orders of magnitude. */ SELECT o.status AS status, COUNT(*) AS lines, SUM(l.quantity) AS pieces, ROUND(SUM(l.quantity * l.unit_price), 2) AS turnover FROM commerce.orders AS o JOIN commerce.order_lines AS l ON l.order_id = o.order_id WHERE o.company_id = $1 GROUP BY o.status ORDER BY status;
-- company
