"""Which customers ordered often and much?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    customers = table("customers").select("customer_id", "company_id")
    orders = (
        table("orders").filter(F.col("ordered_at") >= F.to_date(F.lit(value("since")))).select("customer_id", "total")
    )
    return (
        customers.join(orders, "customer_id")
        .group_by("customer_id", "company_id")
        .agg(F.count("*").alias("orders"), F.sum("total").alias("exactly"))
        .filter((F.col("orders") >= value("orders")) & (F.col("exactly") >= value("floor")))
        .select("customer_id", "company_id", "orders", F.round("exactly", 2).alias("invoiced"))
        .sort(F.col("invoiced").desc(), F.col("customer_id"))
        .limit(100)
    )
