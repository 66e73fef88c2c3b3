"""How much credit was granted to customers who were brought by other customers, per pair of segments?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    customers = table("customers")
    referred = customers.filter(F.col("created_at") >= F.to_date(F.lit(value("since")))).select(
        "referred_by", F.col("segment").alias("referred"), "credit_limit"
    )
    # Both sides are one table: with names of its own each column says whose it is.
    referrers = customers.select(F.col("customer_id").alias("referrer_id"), F.col("segment").alias("referrer"))
    return (
        referred.join(referrers, referred["referred_by"] == referrers["referrer_id"])
        .group_by("referrer", "referred")
        .agg(
            F.count("*").alias("customers"),
            F.count("credit_limit").alias("with_credit"),
            F.round(F.sum("credit_limit"), 2).alias("credit"),
        )
        .sort("referrer", "referred")
    )
