INSERT INTO commerce_ledger_entries (entry_id, company_id, order_id, account, side, amount, booked_on) VALUES (:entry_id, :company_id, :order_id, :account, 'debit', :amount, DATE(:booked_on));
-- entry_id, company_id, order_id, account, amount, booked_on
