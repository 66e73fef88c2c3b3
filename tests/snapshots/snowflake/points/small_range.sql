SELECT order_lines.order_line_id AS order_line_id, order_lines.order_id AS order_id, order_lines.product_id AS product_id, order_lines.quantity AS quantity, order_lines.unit_price AS unit_price FROM commerce.order_lines AS order_lines WHERE order_lines.order_line_id >= CAST(? AS BIGINT) AND order_lines.order_line_id < CAST(? AS BIGINT) + 50 ORDER BY order_line_id;
-- first, first
