"""What was the state of the company's latest payout when an order was placed that was refunded later?"""

from snowflake.snowpark import Window
from snowflake.snowpark import functions as F


def pipeline(table, value):
    refunded = (
        table("orders")
        .filter(F.col("status") == "refunded")
        .filter(F.col("ordered_at") >= F.to_date(F.lit(value("since"))))
        .select("company_id", "ordered_at", "total")
    )
    # One payout a day, the last, so that there is no tie.
    of_the_day = Window.partition_by("company_id", "paid_on").order_by(F.col("payout_id").desc())
    payouts = (
        table("payouts")
        .select("company_id", "paid_on", "status", F.row_number().over(of_the_day).alias("place"))
        .filter(F.col("place") == 1)
        .select(
            F.col("company_id").alias("paid_company"), F.col("paid_on").cast("timestamp_ntz").alias("paid_at"), "status"
        )
    )
    latest = refunded.join(
        payouts,
        on=refunded["company_id"] == payouts["paid_company"],
        how="asof",
        match_condition=refunded["ordered_at"] >= payouts["paid_at"],
    )
    return (
        latest.group_by(F.coalesce(F.col("status"), F.lit("none")).alias("latest_payout"))
        .agg(F.count("*").alias("orders"), F.round(F.sum("total"), 2).alias("refunded"))
        .sort("latest_payout")
    )
