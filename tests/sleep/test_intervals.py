"""Intervals against published and exactly computed figures."""

from __future__ import annotations

import math
import random

import pytest

from dormouse.sleep.intervals import chance_of_passing, difference, mean_interval, student, wilson


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_figures(passed: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, p. 857, table I."""
    assert list(wilson(passed, n)) == pytest.approx([low, high], abs=1e-4)


def test_nothing_asked_leaves_everything_open() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert difference(0, 0, 3, 4) == (-1.0, 1.0)


def test_the_difference_of_two_shares_gives_newcombes_figures() -> None:
    """Newcombe 1998, p. 873, table II, method 10: 56/70 and 48/80; 9/10 and 3/10."""
    assert list(difference(56, 70, 48, 80)) == pytest.approx([0.0524, 0.3339], abs=1e-4)
    assert list(difference(9, 10, 3, 10)) == pytest.approx([0.1705, 0.8090], abs=1e-4)


@pytest.mark.parametrize(("df", "wanted"), [(4, 2.776), (9, 2.262), (19, 2.093), (100, 1.984)])
def test_students_quantile(df: int, wanted: float) -> None:
    assert student(df) == pytest.approx(wanted, rel=0.01)


def test_a_mean_of_equal_weights_has_students_interval() -> None:
    values = [1.0, 2.0, 4.0, 5.0, 8.0]
    mean, low, high = mean_interval(values, [1.0] * 5)
    error = math.sqrt(7.5 / 5)  # the variance is 7.5
    assert mean == 4.0
    assert [high - mean, mean - low] == pytest.approx([2.776 * error] * 2, rel=0.01)
    assert mean_interval([3.0], [2.0]) == (3.0, -math.inf, math.inf)


def test_the_chance_of_passing_is_that_of_trying() -> None:
    rng = random.Random(1)
    tries = sum(sum(rng.random() < 0.8 for _ in range(20)) >= 14 for _ in range(20_000)) / 20_000
    assert chance_of_passing(0.8, 20, 0.7) == pytest.approx(tries, abs=0.01)
    assert chance_of_passing(0.1, 5, 0.0) == pytest.approx(1.0)
