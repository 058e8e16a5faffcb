"""`arithmetic`: steps as people write them, in words and with units; a doubtful one is unsure."""

from __future__ import annotations

import pytest

from dormouse.verifiers.abc import Claim, Verdict
from dormouse.verifiers.arithmetic import Arithmetic


def judged(text: str, *expect: str) -> Verdict:
    verifier = Arithmetic()
    try:
        return verifier.judge(Claim(text, expect=expect))
    finally:
        verifier.close()


@pytest.mark.parametrize(
    "text",
    [
        "12 x 3 = 36",
        "12x3 = 36",
        "12 times 3 = 36",
        "12 multiplied by 3 = 36",
        "3 plus 4 = 7",
        "10 minus 3 = 7",
        "10 divided by 2 = 5",
        "10 over 2 = 5",
        "2 squared = 4",
        "7 mod 3 = 1",
        "7 % 3 = 1",
        "50% of 80 = 40",
        "20% * 50 = 10",
        "1/3 = 33.33%",
        "3/4 of 80 = 60",
        "2/3 of the 9 eggs = 6",
        "8 eggs - 3 = 5",
        "8 - 3 = 5 left over",
        "15 - 5 (already eaten) = 10",
        "5 apples + 3 apples = 8 apples",
        "$5 + $3 = $8",
        "20 dollars - $5 = $15",
        "5 boxes x 4 eggs = 20 eggs",
        "4 * 5 = 20 square metres",
        "He pays 5 x 4 = 20 dollars.",
        "She eats 10% of 50 = 5 eggs, so 50 - 5 = 45 are left.",
        "Total = 5 + 3 = 8",
        "a = 3, b = 4, a + b = 7",
        "x = 5\n3x = 15",
        "1. 12 * 3 = 36\n- 36 + 4 = **40**",
        "\\(2 \\times 3 = 6\\)",
    ],
)
def test_a_true_step_passes(text: str) -> None:
    verdict = judged(text)
    assert verdict.outcome == "passed", verdict.evidence


@pytest.mark.parametrize(
    "text",
    [
        "7 x 8 = 8",
        "12 x 3 = 37",
        "12 times 3 = 3",
        "50% of 40 = 40",
        "3/4 of 80 = 80",
        "2 + 2 = 4 times 5",
        "8 eggs - 3 = 3",
        "10 minus 3 = 3",
        "20% * 50 = 11",
        "- 12 * 3 = 35",
        "5 apples + 3 apples = 9 apples",
    ],
)
def test_a_false_step_fails(text: str) -> None:
    verdict = judged(text)
    assert verdict.outcome == "failed" and "does not hold" in verdict.evidence


@pytest.mark.parametrize(
    "text",
    [
        "half of 10 = 5",
        "half of 10 = 10",
        "3 dozen = 36",
        "twelve times 3 = 36",
        "Adding 3 and 4 = 7",
        "Sum of 3, 4 = 7",
        "The average of 4 and 6 = 5",
        "She has 3 boxes with 4 eggs = 12 eggs",
        "Cost for 3 days = 3 * 40 = 120",
        "Step 2 - 5 + 3 = 8",
        "3 + 4 = 7, plus 3 = 10",
        "3 + 4 = 7 in 2 days",
        "5 km + 300 meters = 305 km",
        "1 hour = 60 minutes",
        "100 cents = 1 dollar",
        "100 + 10% = 110",
        "3/4 * 100 = 75%",
        "- 5 + 8 = 3",
        "12 * 3 is not = 36",
        "12 * 3 = 35 is wrong",
        "\u221a16 + 5 = 9",
        "2xy = 10",
        "Monday = day 1",
    ],
)
def test_a_step_with_words_that_may_change_it_is_unsure(text: str) -> None:
    verdict = judged(text)
    assert verdict.outcome == "unsure", verdict.evidence


def test_the_value_of_the_last_step_is_compared_as_it_is_read() -> None:
    assert judged("He pays 5 x 4 = 20 dollars.\nSo 20 + 3 = 23.", "23").passed
    assert judged("3/4 = 75%", "75%").passed
    assert judged("7 x 8 = 56", "8").outcome == "failed"
    assert judged("3 + 4 = 7 in 2 days", "7").outcome == "unsure"
    assert judged("The answer is 12 apples.", "12").passed
