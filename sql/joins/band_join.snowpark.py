"""How are orders spread over bands of value? The join has no equality at all."""

from snowflake.snowpark import functions as F

BANDS = [(1, 0, 50), (2, 50, 100), (3, 100, 150), (4, 150, 250), (5, 250, 100000000)]


def pipeline(table, value):
    orders = table("orders").filter(F.col("ordered_at") >= F.to_date(F.lit(value("since")))).select("channel", "total")
    bands = orders.session.create_dataframe(BANDS, schema=["band", "low", "high"])
    return (
        orders.join(bands, (orders["total"] >= bands["low"]) & (orders["total"] < bands["high"]))
        .group_by("band", "channel")
        .agg(F.count("*").alias("orders"), F.round(F.sum("total"), 2).alias("invoiced"))
        .sort("band", "channel")
    )
