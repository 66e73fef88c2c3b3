"""One order by its key."""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    return (
        table("orders")
        .filter(F.col("order_id") == value("order_id"))
        .select("order_id", "company_id", "customer_id", "status", "currency", "total", "discount")
    )
