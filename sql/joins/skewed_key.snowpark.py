"""What did one company sell, per state of the order? Companies differ in size by orders of magnitude."""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    orders = table("orders").filter(F.col("company_id") == value("company")).select("order_id", "status")
    lines = table("order_lines").select("order_id", "quantity", "unit_price")
    return (
        orders.join(lines, "order_id")
        .group_by("status")
        .agg(
            F.count("*").alias("lines"),
            F.sum("quantity").alias("pieces"),
            F.round(F.sum(F.col("quantity") * F.col("unit_price")), 2).alias("turnover"),
        )
        .sort("status")
    )
