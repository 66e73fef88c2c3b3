SELECT commerce_orders.order_id AS order_id, commerce_orders.company_id AS company_id, commerce_orders.status AS status, commerce_orders.total AS total FROM commerce_orders AS commerce_orders WHERE commerce_orders.order_id = :order_id;
-- order_id
INSERT INTO commerce_payments (payment_id, order_id, company_id, method, status, amount, fee, paid_at) SELECT CAST(:payment_id AS INTEGER) AS payment_id, o.order_id AS order_id, o.company_id AS company_id, CAST(:method AS TEXT) AS method, 'settled' AS settled, o.total AS total, ROUND(o.total * 0.02, 2) AS _col_6, DATETIME(:paid_at) AS paid_at FROM commerce_orders AS o WHERE o.order_id = :order_id;
-- payment_id, method, paid_at, order_id
INSERT INTO commerce_ledger_entries (entry_id, company_id, order_id, account, side, amount, booked_on) SELECT CAST(:entry_id AS INTEGER) AS entry_id, o.company_id AS company_id, o.order_id AS order_id, '1200' AS "1200", 'debit' AS debit, o.total AS total, DATE(:booked_on) AS booked_on FROM commerce_orders AS o WHERE o.order_id = :order_id;
-- entry_id, booked_on, order_id
UPDATE commerce_orders SET status = 'paid' WHERE order_id = :order_id;
-- order_id
