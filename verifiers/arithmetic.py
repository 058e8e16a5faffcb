"""`arithmetic`: an answer passes when each of its steps holds and its value is the expected one.

Promise: nothing in a claim is evaluated as code, and a claim that cannot be computed in time is unsure. A
decimal may be rounded to the digits it shows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice, pairwise, product
from typing import ClassVar, Literal

from . import algebra
from .abc import Claim, Key, Verdict, Verifier
from .algebra import Unreadable
from .bounded import BoundedWorkers
from .equations import Side, equations, read
from .errors import UnusableCheck

_TIMEOUT_S = 5.0
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
        steps = list(islice(equations(claim.text), _MOST_STEPS))
        if not steps and not claim.expect:
            raise UnusableCheck("there is no step to check and no value to expect")
        sheet, doubt, count = _Sheet(), "", 0
        for left, right in chain.from_iterable(map(pairwise, steps)):
            if isinstance(left, Unreadable) or isinstance(right, Unreadable):
                fault = left if isinstance(left, Unreadable) else right
                doubt = doubt or f"a step is not arithmetic that can be read: {fault}"
                continue
            if not right.readings:
                doubt = doubt or "a step is not arithmetic that can be read"
                continue
            if not left.readings:
                continue  # it only names a value
            count += 1
            holds, why = self._step(left, right, sheet, spent)
            if holds == "no":
                return "failed", f"{left.text} = {right.text} does not hold{why}"
            if holds == "unsure":
                doubt = doubt or f"{left.text} = {right.text}: {why}"
        value = steps[-1][-1] if steps else _last_value(claim.text)
        if claim.expect and (other := self._other_value(value, claim.expect, spent)):
            return other
        if doubt:
            return "unsure", doubt
        if not count and not claim.expect:
            return "unsure", "a step is not arithmetic that can be read"
        said = f"{count} steps hold" if count else "there were no steps"
        return "passed", f"{said}; its value is {value}"

    def _other_value(
        self, value: Side | Unreadable, expect: Sequence[str], spent: list[float]
    ) -> tuple[Literal["failed", "unsure"], str] | None:
        """Why `value` is not known to be any of those expected; None when it is."""
        if isinstance(value, Unreadable):
            return "unsure", f"whether its value is {expect[0]}: {value}"
        doubt = ""
        for pair in product(value.readings or ("",), chain.from_iterable(map(_readings, expect))):
            holds, why = self._equal(*pair, _Sheet(), spent)
            if holds == "yes":
                return None
            if holds == "unsure":
                doubt = doubt or why
        if doubt:
            return "unsure", f"whether {value.text or 'nothing'} is {expect[0]}: {doubt}"
        return "failed", f"its value is {value.text or 'missing'}, not {expect[0]}"

    def _step(self, left: Side, right: Side, sheet: _Sheet, spent: list[float]) -> tuple[Holds, str]:
        """Whether two sides are equal, as far as their units and their other readings leave it clear."""
        mixed = len(units := left.units | right.units) > 1
        if mixed and (left.adds or right.adds or not (left.works or right.works)):
            return "unsure", f"it counts in several units ({', '.join(sorted(units))})"
        holds, why = self._equal(left.text, right.text, sheet, spent)
        if holds == "no" and mixed:
            return "unsure", f"it counts in several units ({', '.join(sorted(units))})"
        others = list(product(left.readings, right.readings))[1:]
        if holds == "no" and any(self._equal(*pair, sheet, spent)[0] == "yes" for pair in others):
            return "unsure", "it can be read in two ways, and holds in one"
        return holds, why

    def _equal(self, left: str, right: str, sheet: _Sheet, spent: list[float]) -> tuple[Holds, str]:
        """Whether two sides are equal. A name by itself on the left is defined by it."""
        if re.fullmatch(r"[a-zA-Z]", left) and left not in ("e", *sheet.names):
            sheet.names[left] = right
            return "yes", ""
        try:
            known = {name: algebra.exact(algebra.tree(text), {}) for name, text in sheet.names.items()}
            rational = {name: value for name, value in known.items() if value is not None}
            a, b = (algebra.exact(algebra.tree(side), rational) for side in (left, right))
        except Unreadable as error:
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


def _readings(expected: str) -> tuple[str, ...]:
    """An expected value as arithmetic; as it is where it cannot be read."""
    try:
        return read(expected).readings or (expected,)
    except Unreadable:
        return (expected,)


def _last_value(text: str) -> Side:
    """The last number in the last line of words, or the line when all of it is arithmetic."""
    line = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    if algebra.tokens(line):
        return Side((line.strip(),))
    found = re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?", line)
    return Side((found[-1].rstrip(","),) if found else ())
