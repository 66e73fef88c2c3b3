"""Which orders fell into the period of each payout, and does their sum come near to it?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    first = F.lit(value("first"))
    payouts = (
        table("payouts")
        .filter((F.col("payout_id") >= first) & (F.col("payout_id") < first + 100))
        .select("payout_id", "amount", F.col("company_id").alias("paid_company"), "period_start", "period_end")
    )
    orders = table("orders").select("company_id", "ordered_at", "total")
    within = (
        (orders["company_id"] == payouts["paid_company"])
        & (orders["ordered_at"] >= payouts["period_start"])
        & (orders["ordered_at"] < payouts["period_end"])
    )
    return (
        payouts.join(orders, within)
        .group_by("payout_id", "amount")
        .agg(F.count("*").alias("orders"), F.round(F.sum("total"), 2).alias("invoiced"))
        .sort("payout_id")
    )
