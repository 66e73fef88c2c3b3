INSERT INTO commerce.ledger_entries (entry_id, company_id, order_id, account, side, amount, booked_on) VALUES ($1, $2, $3, $4, 'debit', $5, CAST($6 AS DATE));
