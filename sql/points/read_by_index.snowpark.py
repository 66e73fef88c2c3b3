"""A few orders of one customer."""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    return (
        table("orders")
        .filter(F.col("customer_id") == value("customer_id"))
        .select("order_id", "status", "channel", "total")
        .sort("order_id")
        .limit(20)
    )
