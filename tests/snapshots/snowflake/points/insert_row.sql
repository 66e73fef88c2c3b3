INSERT INTO commerce.ledger_entries (entry_id, company_id, order_id, account, side, amount, booked_on) VALUES (?, ?, ?, ?, 'debit', ?, CAST(? AS DATE));
-- entry_id, company_id, order_id, account, amount, booked_on
