"""What was invoiced per country of the company and currency?"""

from snowflake.snowpark import functions as F


def pipeline(table, value):
    orders = (
        table("orders")
        .filter(F.col("ordered_at") >= F.to_date(F.lit(value("since"))))
        .filter(F.col("status") != "cancelled")
        .select("company_id", "currency", "total")
    )
    companies = table("companies").select("company_id", "country")
    return (
        orders.join(companies, "company_id")
        .group_by("country", "currency")
        .agg(F.count("*").alias("orders"), F.round(F.sum("total"), 2).alias("invoiced"))
        .sort("country", "currency")
    )
