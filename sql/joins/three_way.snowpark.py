"""Which fees did payments cost per plan and method?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    payments = table("payments").filter(F.col("status") == "settled").select("order_id", "method", "amount", "fee")
    orders = (
        table("orders").filter(F.col("ordered_at") >= F.to_date(F.lit(value("since")))).select("order_id", "company_id")
    )
    companies = table("companies").select("company_id", "plan")
    return (
        payments.join(orders, "order_id")
        .join(companies, "company_id")
        .group_by("plan", "method")
        .agg(
            F.count("*").alias("payments"),
            F.round(F.sum("amount"), 2).alias("settled"),
            F.round(F.sum("fee"), 2).alias("fees"),
        )
        .sort("plan", "method")
    )
