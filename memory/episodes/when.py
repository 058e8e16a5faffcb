"""The time a question names, such as "yesterday" or "last week", as an interval of the asker's own days.

Promise: a question that names no time gives None. Dates in words ("on 8 May") are left to the words' index.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_COUNT = {
    word: n
    for n, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
}
_COUNT |= {"a": 1, "an": 1, "a couple of": 2, "couple of": 2, "few": 3, "a few": 3}
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_AGO = re.compile(
    rf"\b(\d{{1,3}}|{'|'.join(sorted(_COUNT, key=len, reverse=True))}) (day|week|month|year)s? ago\b",
    re.IGNORECASE,
)
_WEEKDAY_NAMES = "monday tuesday wednesday thursday friday saturday sunday"
_WEEKDAYS = _WEEKDAY_NAMES.split()
_WEEKDAY = re.compile(rf"\b(?:last|on|this) ({'|'.join(_WEEKDAYS)})\b", re.IGNORECASE)
_FIXED = (
    (r"\btoday\b|\bthis (?:morning|afternoon|evening)\b|\btonight\b", 0, 1),
    (r"\bthe day before yesterday\b", 2, 1),
    (r"\byesterday\b|\blast night\b", 1, 1),
    (r"\bthis week\b", 6, 7),
    (r"\blast week(?:end)?\b", 13, 11),
    (r"\blast month\b", 61, 50),
    (r"\blast year\b", 730, 500),
)


def time_named(text: str, now: datetime) -> tuple[float, float] | None:
    """(from, to) in seconds since 1970, as widely as people mean it; None when `text` names no such time.

    `now` is aware; days are counted in its own zone.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if found := _AGO.search(text):
        count, days = found[1].casefold(), _DAYS[found[2].casefold()]
        ago = (int(count) if count.isdigit() else _COUNT[count]) * days
        slack = {1: 0, 7: 3, 30: 12, 365: 150}[days]
        return _interval(midnight, ago + slack, 1 + 2 * slack)
    if found := _WEEKDAY.search(text):
        back = (now.weekday() - _WEEKDAYS.index(found[1].casefold())) % 7 or 7
        return _interval(midnight, back, 1)
    for pattern, back, days in _FIXED:
        if re.search(pattern, text, re.IGNORECASE):
            return _interval(midnight, back, days)
    return None


def _interval(midnight: datetime, back: int, days: int) -> tuple[float, float]:
    start = midnight - timedelta(days=back)
    return start.timestamp(), (start + timedelta(days=days)).timestamp()
