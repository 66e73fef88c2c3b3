"""Which companies have shipped most without having been paid?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    shipped = (
        table("orders")
        .filter(F.col("status") == "shipped")
        .filter(F.col("ordered_at") >= F.to_date(F.lit(value("since"))))
        .select("order_id", "company_id", "total")
    )
    settled = table("payments").filter(F.col("status") == "settled").select(F.col("order_id").alias("paid_order"))
    return (
        shipped.join(settled, shipped["order_id"] == settled["paid_order"], how="anti")
        .group_by("company_id")
        .agg(F.count("*").alias("orders"), F.round(F.sum("total"), 2).alias("unpaid"))
        .sort(F.col("unpaid").desc(), F.col("company_id"))
        .limit(50)
    )
