"""What a run costs. Pure arithmetic; every figure is an estimate from list prices and measured durations.

A `Price` turns a `Usage` into a `Cost`. `break_even` compares two `HourlyCost`s.
"""

from bench.price.base import HourlyPrice, Price
from bench.price.break_even import BreakEven, HourlyCost, break_even
from bench.price.by_compute import PriceByCompute
from bench.price.instance import InstancePrice
from bench.price.usage import Cost, Usage
from bench.price.warehouse import WarehousePrice

__all__ = [
    "BreakEven",
    "Cost",
    "HourlyCost",
    "HourlyPrice",
    "InstancePrice",
    "Price",
    "PriceByCompute",
    "Usage",
    "WarehousePrice",
    "break_even",
]
