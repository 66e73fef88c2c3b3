-- As as_of.sql.j2, with the engine's own join. One payout a day, the last, so that there is no tie.
select coalesce(y.status, 'none') as latest_payout, count(*) as orders, round(sum(o.total), 2) as refunded
from commerce.orders o
asof left join (
  select company_id, cast(paid_on as timestamp) as paid_at, status
  from commerce.payouts
  qualify row_number() over (partition by company_id, paid_on order by payout_id desc) = 1
) y on o.company_id = y.company_id and o.ordered_at >= y.paid_at
where o.status = 'refunded'
  and o.ordered_at >= cast($1 as date)
group by 1
order by latest_payout;
-- since
