"""Which goods of each category sell best at one company?"""

from snowflake.snowpark import Window
from snowflake.snowpark import functions as F


def pipeline(table, value):
    products = table("products").filter(F.col("company_id") == value("company")).select("product_id", "category")
    lines = table("order_lines").select("product_id", "quantity", "unit_price")
    sold = (
        products.join(lines, "product_id")
        .group_by("category", "product_id")
        .agg(
            F.sum("quantity").alias("pieces"),
            F.round(F.sum(F.col("quantity") * F.col("unit_price")), 2).alias("turnover"),
        )
    )
    best_first = Window.partition_by("category").order_by(F.col("turnover").desc(), F.col("product_id"))
    return (
        sold.with_column("place", F.row_number().over(best_first))
        .filter(F.col("place") <= value("places"))
        .select("category", "place", "product_id", "pieces", "turnover")
        .sort("category", "place")
    )
