/* What was invoiced per country of the company and currency? */ SELECT c.country AS country, o.currency AS currency, COUNT(*) AS orders, ROUND(SUM(o.total), 2) AS invoiced FROM commerce.orders AS o JOIN commerce.companies AS c ON c.company_id = o.company_id WHERE o.ordered_at >= CAST(? AS DATE) AND o.status <> 'cancelled' GROUP BY c.country, o.currency ORDER BY country, currency;
-- since
