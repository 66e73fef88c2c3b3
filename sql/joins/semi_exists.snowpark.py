"""How many customers ever had an order refunded, and what credit do they have?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    customers = table("customers").select("customer_id", "country", "segment", "credit_limit")
    refunded = (
        table("orders")
        .filter(F.col("status") == "refunded")
        .filter(F.col("ordered_at") >= F.to_date(F.lit(value("since"))))
        .select(F.col("customer_id").alias("ordered_by"))
    )
    return (
        customers.join(refunded, customers["customer_id"] == refunded["ordered_by"], how="semi")
        .group_by("country", "segment")
        .agg(F.count("*").alias("customers"), F.round(F.sum("credit_limit"), 2).alias("credit"))
        .sort("country", "segment")
    )
