"""Which orders of a company are the biggest their customer ever placed anywhere?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    orders = table("orders")
    mine = orders.filter(F.col("company_id") == value("company")).select("order_id", "customer_id", "total")
    # DataFrames have no correlated subqueries: the greatest order of every customer is joined instead.
    greatest = orders.group_by("customer_id").agg(F.max("total").alias("greatest"))
    return (
        mine.join(greatest, "customer_id")
        .filter(F.col("total") == F.col("greatest"))
        .select("order_id", "customer_id", "total")
        .sort(F.col("total").desc(), F.col("order_id"))
        .limit(100)
    )
