-- As as_of.sql.j2, with the engine's own join, which keeps every row of its left side.
-- One payout a day, the last, so that there is no tie.
select coalesce(y.status, 'none') as latest_payout, count(*) as orders, round(sum(o.total), 2) as refunded
from (
  select company_id, ordered_at, total
  from commerce.orders
  where status = 'refunded'
    and ordered_at >= cast(? as date)
) o
asof join (
  select company_id, cast(paid_on as timestamp_ntz) as paid_at, status
  from commerce.payouts
  qualify row_number() over (partition by company_id, paid_on order by payout_id desc) = 1
) y match_condition (o.ordered_at >= y.paid_at) on o.company_id = y.company_id
group by 1
order by latest_payout;
-- since
