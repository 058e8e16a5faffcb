"""Intervals for what was counted or measured on few cases, so that nobody reads more into it than there is.

Pure functions of numbers. Knows nothing of exams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Z95 = 1.959963984540054
"""Two-sided 95% of a normal distribution."""


def wilson(passed: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The Wilson score interval of a share, `passed` of `n`; (0, 1) when nothing was asked.

    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n) (Wilson 1927, JASA 22, p. 209): unlike p ± z s it
    keeps its level for few cases and near 0 and 1.
    """
    if n <= 0:
        return 0.0, 1.0
    share = passed / n
    middle = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def difference(passed: int, n: int, passed_before: int, n_before: int, z: float = Z95) -> tuple[float, float]:
    """The interval of a share less another one of independent cases, from the Wilson intervals of both.

    Newcombe's hybrid score interval (1998, Statistics in Medicine 17, p. 876, method 10).
    """
    if n <= 0 or n_before <= 0:
        return -1.0, 1.0
    p, q = passed / n, passed_before / n_before
    low, high = wilson(passed, n, z)
    low_before, high_before = wilson(passed_before, n_before, z)
    below = math.sqrt((p - low) ** 2 + (high_before - q) ** 2)
    above = math.sqrt((high - p) ** 2 + (q - low_before) ** 2)
    return p - q - below, p - q + above


def mean_interval(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high) at 95% of a weighted mean over independent cases, by Student's t.

    The spread is that of the cases around the mean, by their weights (the ratio estimator's: Cochran 1977,
    Sampling Techniques, eq. 6.12). One case alone has no interval: it is infinite.
    """
    total = sum(weights)
    mean = sum(value * weight for value, weight in zip(values, weights, strict=True)) / total
    n = len(values)
    if n < 2:
        return mean, -math.inf, math.inf
    squares = sum((weight * (value - mean)) ** 2 for value, weight in zip(values, weights, strict=True))
    half = student(n - 1) * math.sqrt(n / (n - 1) * squares) / total
    return mean, mean - half, mean + half


def student(df: int) -> float:
    """The two-sided 95% quantile of Student's t, to 1% from 4 degrees of freedom on.

    Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5).
    """
    z = Z95
    return (
        z
        + (z**3 + z) / (4 * df)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * df**3)
    )


def chance_of_passing(rate: float, n: int, least: float) -> float:
    """The chance that one who truly answers a share `rate` rightly reaches `least` of `n` questions."""
    needed = math.ceil(least * n - 1e-9)
    return sum(math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(needed, n + 1))
