"""The words of an answer that a night taught: what it names, the verb, and what it says of that.

"Your bike's name is Marmalade." names the bike's name, and says Marmalade; how answers go on that decline is
given with each adapter. Promise: an answer that is not whole yet can be looked at as well. Knows text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Told = Literal["naming", "told", "declined"]
_WORD, _QUOTE = re.compile(r"[\w'-]+"), "\N{RIGHT SINGLE QUOTATION MARK}"


def told(text: str, declines: Iterable[str]) -> Told:
    """Whether an answer that begins so is still naming what it is about, says it, or declines."""
    _, rest = parts(text, declines)
    if any(rest.startswith(each) for each in declines):
        return "declined"
    return "naming" if any(each.startswith(rest) for each in declines) else "told"


def name_of(text: str, declines: Iterable[str]) -> str:
    """What an answer names, with the word it opens with: its words before the verb."""
    return parts(text, declines)[0]


def verb_of(text: str, declines: Iterable[str]) -> str:
    """The verb after what an answer names, "" while there is none."""
    return parts(text, declines)[1].partition(" ")[0]


def said_of(text: str, declines: Iterable[str]) -> str:
    """What an answer says of what it names: its words after the verb; "" while there are none."""
    return parts(text, declines)[1].partition(" ")[2]


def parts(text: str, declines: Iterable[str]) -> tuple[str, str]:
    """The name of what an answer is about, and its words from the verb on; "" while there are none."""
    verbs = "|".join(sorted({re.escape(each.partition(" ")[0]) for each in declines}))
    found = re.search(rf"\s(?:{verbs})(?=\s|$)", text)
    if found is None:
        return text, ""
    return text[: found.start()], " ".join(text[found.start() :].split())


def owner_of(name: str) -> str:
    """Whose or what's it is that an answer names, as in "dog" of "dog's name"; "" for what is the user's."""
    return name.rpartition("'")[0]


def words_hold(text: str, phrase: str) -> bool:
    """Whether the words of `phrase` stand in `text`, one after another."""
    asked, wanted = (" ".join(_WORD.findall(each.casefold().replace(_QUOTE, "'"))) for each in (text, phrase))
    return f" {wanted} " in f" {asked} "
