"""`match`: an answer passes when it holds, is, matches or is near one of those expected, and none of those
forbidden.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from .abc import Claim, Key, Verdict, Verifier, strings
from .errors import UnusableCheck


def plain(text: str) -> str:
    """Folds case, width and accents away and straightens quotes, so that spelling variants compare equal."""
    decomposed = unicodedata.normalize(
        "NFKD", text.replace("\u2019", "'").replace("\u00f8", "o").replace("\u00d8", "O")
    )
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def holds(text: str, wanted: str) -> bool:
    """Whether `text` contains `wanted`, ignoring case.

    A wanted string is compared as it stands first, then with accents folded away.
    """
    return wanted.casefold() in text.casefold() or plain(wanted) in plain(text)


class Match(Verifier):
    """Compares the text with `expect` and `forbid` as `fields["how"]` says: it `holds` one of them (the
    default, ignoring case and accents), is `exact`ly one, matches one as a `regex`, or its last `number`
    is within `fields["tolerance"]` (relative, or absolute below 1) of one.
    """

    name = "match"
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text", needed=True),
        "expect": Key("texts"),
        "forbid": Key("texts"),
        "how": Key("text"),
        "tolerance": Key("number"),
    }

    @classmethod
    def fault(cls, given: Mapping[str, Any]) -> str | None:
        texts = [*strings(given.get("expect")), *strings(given.get("forbid"))]
        if not texts:
            return "it needs something to expect or to forbid"
        try:
            for text in texts:
                _comparison(given)[1]("", text, 0.0)
        except UnusableCheck as error:
            return error.reason
        return None

    def judge(self, claim: Claim) -> Verdict:
        if not claim.expect and not claim.forbid:
            raise UnusableCheck("a match needs something to expect or to forbid")
        started = time.perf_counter()
        verb, compare = _comparison(claim.fields)
        tolerance = float(claim.fields.get("tolerance", 1e-9))
        try:
            found = [wanted for wanted in claim.expect if compare(claim.text, wanted, tolerance)]
            banned = [wanted for wanted in claim.forbid if compare(claim.text, wanted, tolerance)]
        except TimeoutError:
            seconds = time.perf_counter() - started
            return Verdict("unsure", f"a pattern was not matched within {_PATTERN_S:g} s", seconds)
        seconds = time.perf_counter() - started
        if banned:
            return Verdict("failed", f"{verb} the forbidden {banned[0]!r}", seconds)
        if claim.expect and not found:
            return Verdict("failed", f"{verb} none of {', '.join(map(repr, claim.expect))}", seconds)
        return Verdict("passed", f"{verb} {found[0]!r}" if found else f"{verb} nothing forbidden", seconds)


Compare = Callable[[str, str, float], bool]


def _comparison(fields: Mapping[str, Any]) -> tuple[str, Compare]:
    """A verb, and how a text is compared with what is wanted. Raises UnusableCheck."""
    how = str(fields.get("how", "holds"))
    if how not in _HOW:
        raise UnusableCheck(f"how must be one of {', '.join(_HOW)}, and it is {how!r}")
    return _HOW[how]


def _matches(text: str, pattern: str, tolerance: float) -> bool:
    import regex

    try:
        return regex.search(pattern, text, timeout=_PATTERN_S) is not None
    except regex.error as error:
        raise UnusableCheck(f"{pattern!r} is no regular expression: {error}") from None


def _is_near(text: str, wanted: str, tolerance: float) -> bool:
    target, numbers = _number(wanted), _NUMBER.findall(text)
    if target is None:
        raise UnusableCheck(f"{wanted!r} is no number")
    given = _number(numbers[-1]) if numbers else None
    return given is not None and abs(given - target) <= tolerance * max(1.0, abs(target))


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "").replace("\u2212", "-"))
    except ValueError:
        return None


_PATTERN_S = 1.0
_NUMBER = re.compile(r"[-\u2212]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")
_HOW: dict[str, tuple[str, Compare]] = {
    "holds": ("holds", lambda text, wanted, tolerance: holds(text, wanted)),
    "exact": ("is", lambda text, wanted, tolerance: text.strip() == wanted.strip()),
    "regex": ("matches", _matches),
    "number": ("gives", _is_near),
}
