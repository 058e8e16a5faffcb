"""`arithmetic`: an answer passes when each of its steps holds and its value is the expected one.

Promise: nothing in a claim is evaluated as code, and a claim that cannot be computed in time is unsure. A
decimal may be rounded to the digits it shows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar, Literal

from . import algebra
from .abc import Claim, Key, Verdict, Verifier
from .bounded import BoundedWorkers
from .errors import UnusableCheck

_TIMEOUT_S = 5.0
_EQUALS = re.compile(r"(?<![<>!=])=(?!=)|≈")
_DECIMAL = re.compile(r"-?\d[\d,]*\.(\d+)")
_MOST_STEPS = 200
Holds = Literal["yes", "no", "unsure"]


@dataclass
class _Sheet:
    """What the steps so far have defined: one-letter names and their text."""

    names: dict[str, str] = field(default_factory=dict)


class Arithmetic(Verifier):
    """Judges the steps in the text, one an equation (`12 * 3 = 36`), and its last value against `expect`."""

    name = "arithmetic"
    keys: ClassVar[Mapping[str, Key]] = {"answer": Key("text", needed=True), "expect": Key("texts")}

    def __init__(self) -> None:
        self._workers = BoundedWorkers(algebra.__name__, _TIMEOUT_S)

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        spent: list[float] = []
        outcome, evidence = self._judged(claim, spent)
        return Verdict(outcome, evidence, time.perf_counter() - started, sum(spent))

    def close(self) -> None:
        self._workers.close()

    def _judged(self, claim: Claim, spent: list[float]) -> tuple[Literal["passed", "failed", "unsure"], str]:
        """The outcome and why; what it takes in other processes goes to `spent`."""
        lines = [line for line in claim.text.splitlines() if line.strip()]
        steps = [list(_sides(line)) for line in lines if _EQUALS.search(line)][:_MOST_STEPS]
        if not steps and not claim.expect:
            raise UnusableCheck("there is no step to check and no value to expect")
        sheet, doubt, count = _Sheet(), "", 0
        for sides in steps:
            for left, right in pairwise(sides):
                if not left or not right:
                    doubt = doubt or "a step is not arithmetic that can be read"
                    continue
                count += 1
                holds, why = self._equal(left, right, sheet, spent)
                if holds == "no":
                    return "failed", f"{left} = {right} does not hold{why}"
                if holds == "unsure":
                    doubt = doubt or f"{left} = {right}: {why}"
        value = steps[-1][-1] if steps else _last_value(lines[-1] if lines else "")
        if claim.expect:
            found = [self._equal(value, wanted, _Sheet(), spent) for wanted in claim.expect]
            if not any(holds == "yes" for holds, _ in found):
                if any(holds == "unsure" for holds, _ in found):
                    return "unsure", f"whether {value} is {claim.expect[0]}: {found[0][1]}"
                return "failed", f"its value is {value or 'missing'}, not {claim.expect[0]}"
        if doubt:
            return "unsure", doubt
        said = f"{count} steps hold" if count else "there were no steps"
        return "passed", f"{said}; its value is {value}"

    def _equal(self, left: str, right: str, sheet: _Sheet, spent: list[float]) -> tuple[Holds, str]:
        """Whether two sides are equal. A name by itself on the left is defined by it."""
        if re.fullmatch(r"[a-zA-Z]", left) and left not in ("e", *sheet.names):
            sheet.names[left] = right
            return "yes", ""
        try:
            known = {name: algebra.exact(algebra.tree(text), {}) for name, text in sheet.names.items()}
            rational = {name: value for name, value in known.items() if value is not None}
            a, b = (algebra.exact(algebra.tree(side), rational) for side in (left, right))
        except algebra.Unreadable as error:
            return "unsure", str(error)
        if a is not None and b is not None:
            return _within(abs(a - b), right)
        found = self._workers.call({"left": left, "right": right, "names": sheet.names})
        if found is None:
            return "unsure", f"it was not computed within {_TIMEOUT_S:g} s"
        spent.append(found["cpu_s"])
        if "error" in found:
            return "unsure", str(found["error"])
        if found["equal"]:
            return "yes", ""
        if found["free"]:
            return "unsure", f"it holds for some {', '.join(found['free'])} at most"
        return _within(Fraction(found["difference"]), right)


def _within(difference: Fraction, right: str) -> tuple[Holds, str]:
    shown = _DECIMAL.fullmatch(right.strip())
    rounding = Fraction(1, 2 * 10 ** len(shown[1])) if shown else Fraction(0)
    if difference <= rounding:
        return "yes", ""
    return "no", f": the sides differ by {float(difference):.6g}" if difference < 1 << 60 else ""


def _sides(line: str) -> Iterator[str]:
    """What stands between the signs of equality, as arithmetic without the words around it; empty if it is
    none.
    """
    parts = _EQUALS.split(line)
    for number, part in enumerate(parts):
        words = part.replace("$", "").strip().rstrip(".;,").split()
        ends = number == 0, number == len(parts) - 1
        yield _arithmetic(words, from_left=ends[1] and not ends[0], from_right=ends[0])


def _arithmetic(words: list[str], *, from_left: bool, from_right: bool) -> str:
    """The longest run of words that reads as arithmetic, from the side that touches the sign."""
    if not from_left and not from_right:
        return " ".join(words) if algebra.tokens(" ".join(words)) else ""
    for length in range(len(words), 0, -1):
        run = " ".join(words[:length] if from_left else words[-length:]).rstrip(".,;:")
        try:
            algebra.tree(run)
        except algebra.Unreadable:
            continue
        return run
    return ""


def _last_value(line: str) -> str:
    """The last number in a line of words, or the line when all of it is arithmetic."""
    if algebra.tokens(line):
        return line.strip()
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?", line)
    return found[-1].rstrip(",") if found else ""
