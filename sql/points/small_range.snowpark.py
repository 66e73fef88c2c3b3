"""Fifty neighbours by a range of the key."""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    first = F.lit(value("first"))
    return (
        table("order_lines")
        .filter((F.col("order_line_id") >= first) & (F.col("order_line_id") < first + 50))
        .select("order_line_id", "order_id", "product_id", "quantity", "unit_price")
        .sort("order_line_id")
    )
