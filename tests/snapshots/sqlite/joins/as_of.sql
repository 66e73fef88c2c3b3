-- As as_of.sql.j2, for an engine without LATERAL.
select latest_payout, count(*) as orders, round(sum(total), 2) as refunded
from (
  select o.total, coalesce((
    select p.status
    from commerce_payouts p
    where p.company_id = o.company_id
      and p.paid_on <= o.ordered_at
    order by p.paid_on desc, p.payout_id desc
    limit 1
  ), 'none') as latest_payout
  from commerce_orders o
  where o.status = 'refunded'
    and o.ordered_at >= date(:since)
)
group by latest_payout
order by latest_payout;
-- since
