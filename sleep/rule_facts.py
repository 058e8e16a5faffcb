"""Which facts a rule's match says: whose they are, and of what.

Promise: each function here gives the facts of a match by the groups that it names. Knows groups; nothing of
patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .kinds import Fact
from .rule_words import noun_of

Match = re.Match[str]
Facts = Callable[[Match], Iterator[Fact]]
Row = tuple[str, Facts]
"""A pattern, and the facts that its matches say."""


def who(match: Match) -> str:
    """The user, by the group `me`, or the noun in the group `whose`."""
    return "user" if match["me"] else noun_of(match["whose"])


def about(attribute: str, of_others: str | None = None) -> Facts:
    """The `value` of whoever it is, `called` so; with `of_others` that is what others have."""

    def facts(match: Match) -> Iterator[Fact]:
        whose = who(match)
        if not match["me"] and match["called"]:
            yield whose, "name", match["called"]
        yield whose, attribute if match["me"] else of_others or attribute, match["value"]

    return facts


def of_user(attribute: str) -> Facts:
    """The user's `value`."""
    return of("user", attribute)


def of(subject: str, attribute: str) -> Facts:
    """The `value` of one that the pattern speaks of alone."""
    return lambda match: iter([(subject, attribute, match["value"])])


def of_thing(attribute: str) -> Facts:
    """The `value` of the noun in the group `thing`."""
    return lambda match: iter([(noun_of(match["thing"]), attribute, match["value"])])
