"""What was sold since a day, per channel and state of the order? The day decides how much of both tables takes part."""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    orders = (
        table("orders")
        .filter(F.col("ordered_at") >= F.to_date(F.lit(value("since"))))
        .select("order_id", "channel", "status")
    )
    lines = table("order_lines").select("order_id", "quantity", "unit_price")
    return (
        orders.join(lines, "order_id")
        .group_by("channel", "status")
        .agg(
            F.count("*").alias("lines"),
            F.sum("quantity").alias("pieces"),
            F.round(F.sum(F.col("quantity") * F.col("unit_price")), 2).alias("turnover"),
        )
        .sort("channel", "status")
    )
