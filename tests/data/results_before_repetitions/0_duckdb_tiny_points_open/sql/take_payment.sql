SELECT orders.order_id AS order_id, orders.company_id AS company_id, orders.status AS status, orders.total AS total FROM commerce.orders AS orders WHERE orders.order_id = $1;

INSERT INTO commerce.payments (payment_id, order_id, company_id, method, status, amount, fee, paid_at) SELECT CAST($1 AS BIGINT) AS payment_id, o.order_id AS order_id, o.company_id AS company_id, CAST($2 AS TEXT) AS method, 'settled' AS settled, o.total AS total, ROUND(o.total * 0.02, 2) AS _col_6, CAST($3 AS TIMESTAMP) AS paid_at FROM commerce.orders AS o WHERE o.order_id = $4;

INSERT INTO commerce.ledger_entries (entry_id, company_id, order_id, account, side, amount, booked_on) SELECT CAST($1 AS BIGINT) AS entry_id, o.company_id AS company_id, o.order_id AS order_id, '1200' AS "1200", 'debit' AS debit, o.total AS total, CAST($2 AS DATE) AS booked_on FROM commerce.orders AS o WHERE o.order_id = $3;

UPDATE commerce.orders SET status = 'paid' WHERE order_id = $1;
