"""Where do refunds and the ledger's account disagree? One side may be missing altogether."""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    since = F.to_date(F.lit(value("since")))
    refunds = (
        table("orders")
        .filter((F.col("status") == "refunded") & (F.col("ordered_at") >= since))
        .group_by(F.col("company_id").alias("refunding"))
        .agg(F.round(F.sum("total"), 2).alias("refunded"))
    )
    bookings = (
        table("ledger_entries")
        .filter((F.col("account") == value("account")) & (F.col("side") == "debit") & (F.col("booked_on") >= since))
        .group_by(F.col("company_id").alias("booking"))
        .agg(F.round(F.sum("amount"), 2).alias("booked"))
    )
    both = refunds.join(bookings, refunds["refunding"] == bookings["booking"], how="full")
    missing = F.col("refunding").is_null() | F.col("booking").is_null()
    return (
        both.filter(missing | (F.col("refunded") != F.col("booked")))
        .select(F.coalesce("refunding", "booking").alias("company"), "refunded", "booked")
        .sort("company")
        .limit(200)
    )
