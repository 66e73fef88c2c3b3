"""Student's t distribution, for any degrees of freedom that are above 0, whole or not."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_NORMAL_FROM = 1e7
"""From so many degrees of freedom on it is the normal distribution to more digits than anybody reads."""


@lru_cache(maxsize=4096)
def t_cdf(t: float, df: float) -> float:
    """The probability of at most `t`.

    By the incomplete beta function (Abramowitz and Stegun, 26.7.1 and 26.5.8).

    Args:
        t: Any number, infinities too.
        df: Degrees of freedom, above 0; infinity gives the normal distribution.
    """
    if math.isinf(t):
        return float(t > 0)
    if df > _NORMAL_FROM:
        return NormalDist().cdf(t)
    tail = 0.5 * _beta(df / 2, 0.5, df / (df + t * t))
    return 1 - tail if t > 0 else tail


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """The value that is not exceeded with probability `p`, 0 < p < 1; by bisection of `t_cdf`, to 12 digits."""
    if df > _NORMAL_FROM:
        return NormalDist().inv_cdf(p)
    if p < 0.5:
        return -t_quantile(1 - p, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < p and high < 1e200:
        low, high = high, high * 2
    while high - low > 1e-12 * max(high, 1e-3):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, df) < p else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _continued_fraction(a, b, x) / a
    return 1 - math.exp(log_front) * _continued_fraction(b, a, 1 - x) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """Abramowitz and Stegun 26.5.8, by the method of Lentz (Applied Optics 15, 1976)."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
