"""Which net turnover did the companies of one country make, per category of goods and segment of customers?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    companies = table("companies").filter(F.col("country") == value("country")).select("company_id")
    orders = (
        table("orders").filter(F.col("status").isin("paid", "shipped")).select("order_id", "company_id", "customer_id")
    )
    customers = table("customers").select("customer_id", "segment")
    lines = table("order_lines").select("order_id", "product_id", "quantity", "unit_price")
    products = table("products").select("product_id", "category")
    return (
        companies.join(orders, "company_id")
        .join(customers, "customer_id")
        .join(lines, "order_id")
        .join(products, "product_id")
        .group_by("category", "segment")
        .agg(
            F.count("*").alias("lines"),
            F.sum("quantity").alias("pieces"),
            F.round(F.sum(F.col("quantity") * F.col("unit_price")), 2).alias("turnover"),
        )
        .sort("category", "segment")
    )
