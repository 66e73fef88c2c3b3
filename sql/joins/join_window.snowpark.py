"""How did the money of a company come in: running sum per channel, and rank within it; the latest payments only."""

from snowflake.snowpark import Window
from snowflake.snowpark import functions as F


def pipeline(table, value):
    orders = table("orders").filter(F.col("company_id") == value("company")).select("order_id", "channel")
    payments = (
        table("payments").filter(F.col("status") == "settled").select("order_id", "payment_id", "amount", "paid_at")
    )
    channel = Window.partition_by("channel")
    newest_first = Window.order_by(F.col("paid_at").desc(), F.col("payment_id").desc())
    received = orders.join(payments, "order_id").select(
        "payment_id",
        "channel",
        "amount",
        F.sum("amount").over(channel.order_by("paid_at", "payment_id")).alias("running"),
        F.rank().over(channel.order_by(F.col("amount").desc())).alias("place"),
        F.row_number().over(newest_first).alias("latest"),
    )
    return (
        received.filter(F.col("latest") <= 100)
        .sort("latest")
        .select("payment_id", "channel", "amount", F.round("running", 2).alias("running"), "place")
    )
