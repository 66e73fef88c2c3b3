SELECT order_id, company_id, status, total FROM commerce.orders WHERE order_id = $1;
-- order_id
INSERT INTO commerce.payments (payment_id, order_id, company_id, method, status, amount, fee, paid_at) SELECT CAST($1 AS BIGINT), o.order_id, o.company_id, CAST($2 AS VARCHAR), 'settled', o.total, ROUND(o.total * 0.02, 2), CAST($3 AS TIMESTAMP) FROM commerce.orders AS o WHERE o.order_id = $4;
-- payment_id, method, paid_at, order_id
INSERT INTO commerce.ledger_entries (entry_id, company_id, order_id, account, side, amount, booked_on) SELECT CAST($1 AS BIGINT), o.company_id, o.order_id, '1200', 'debit', o.total, CAST($2 AS DATE) FROM commerce.orders AS o WHERE o.order_id = $3;
-- entry_id, booked_on, order_id
UPDATE commerce.orders SET status = 'paid' WHERE order_id = $1;
-- order_id
