"""Which goods came back in quantity, per category?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    came_back = (
        table("order_lines")
        .filter(F.col("returned"))
        .filter(F.col("quantity") >= value("quantity"))
        .select("product_id")
    )
    return (
        table("products")
        .filter(F.col("active"))
        .filter(F.col("product_id").isin(came_back))
        .group_by("category")
        .agg(
            F.count("*").alias("products"),
            F.round(F.sum("price"), 2).alias("list_price"),
            F.round(F.sum("cost"), 2).alias("list_cost"),
        )
        .sort("category")
    )
