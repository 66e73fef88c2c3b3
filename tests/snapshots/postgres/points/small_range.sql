SELECT order_line_id, order_id, product_id, quantity, unit_price FROM commerce.order_lines WHERE order_line_id >= CAST($1 AS BIGINT) AND order_line_id < CAST($1 AS BIGINT) + 50 ORDER BY order_line_id;
-- first
