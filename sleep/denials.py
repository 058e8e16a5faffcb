"""Denials: what the user says is not so, or no longer, of what was told before ("I don't live in Oslo now"),
and what is over (`endings`).

Promise: a fact is denied only where the words speak of the same thing: its value, whose it is, and what of
theirs. What is asked, supposed, invented, reported, past or of today alone denies nothing. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..verifiers.affirmed import denial
from ..verifiers.match import plain
from .by_name import with_nouns
from .endings import ended
from .kinds import Fact
from .rules import hedged, invented
from .spans import sentences
from .taint import own_words

_OF_TODAY = re.compile(
    r"\b(?:today|tonight|tomorrow|yesterday|yet|until|till|right now|at the moment|for now"
    r"|this (?:week|month|morning|afternoon|evening|weekend|year|time)|on \w+days?)\b"
)
_OTHERWISE = re.compile(r"\b(?:not (?:like|that|as)|feels?|felt)\b")
_ENDS = re.compile(  # what may follow the value; anything else could be what the denial is of
    r"\s*(?:$|[^\w\s'-]|(?:any ?more|now|either|at all|though|actually|since|these days|currently|and|but"
    r"|because|so)\b)"
)
_PAST = re.compile(r"\b(?:was|were|did|had)(?:n'?t)?\b(?!.*\bnever\b)")
_OWN = re.compile(
    r"\b(?:i|we)(?:'ve| have)?(?: (?:actually|really|certainly|definitely|just))? ?$|\btrue that (?:i|we)\b"
)
_IS = re.compile(r"(?:am|is|are|ai|'m|'s|'re)\b")
_OF_VERBS: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\b(?:{said})\b"), re.compile(rf"\b(?:{attributes})\b"))
    for said, attributes in (
        ("called|named", "name"),
        (
            "lived?|lives|living|based",
            "home (?:city|town|country|address|village)|city|town|country|neighbou?rhood|address",
        ),
        (r"work(?:ed|s|ing)? as|(?:not|never|no longer|\w+n't) an?", "job|occupation|profession"),
        ("work(?:ed|s|ing)? (?:for|at|in)", "employer|workplace|company"),
        ("allergic|intolerant", "allergy|intolerance|food allergy"),
        ("play(?:ed|s|ing)?", "hobby|sport|game|instrument"),
        ("speaks?|speaking", "language|(?:first|second|native|other) language"),
        ("have|has|own|owns|drives?|driving", "car|bike|motorbike|boat|van|phone|laptop|camera|instrument"),
    )
)
"""What a denial says of somebody, and the attributes that it then speaks of."""


def denied_in(fact: Fact, text: str, names: Mapping[str, str], read_as_told: bool = False) -> str | None:
    """The sentence of a user's turn that says that the fact does not hold; None where none does.

    `names` are those who are known by name (name -> noun). With `read_as_told` whoever read the turn took it
    for this very fact, so that only its denial is looked for.
    """
    value = plain(fact[2])
    if not value or invented(text):
        return None
    there = value in plain(text)
    return next(
        (
            said
            for said in sentences(own_words(text))
            if (there and _denies(said, fact, names, read_as_told)) or _ends_it(said, fact)
        ),
        None,
    )


def _ends_it(sentence: str, fact: Fact) -> bool:
    """Whether the sentence says that what the fact is of is over."""
    found = ended(fact, sentence)
    return (
        found is not None
        and not sentence.rstrip("\"' )").endswith("?")
        and not hedged(found.string[: found.start()])
    )


def _denies(sentence: str, fact: Fact, names: Mapping[str, str], read_as_told: bool) -> bool:
    _, attribute, value = fact
    shown = sentence if attribute == "name" else with_nouns(sentence, names)
    found = denial(value, shown)
    if found is None or sentence.rstrip("\"' )").endswith("?"):
        return False
    before = found.string[: found.start()]
    if hedged(before) or _OTHERWISE.search(before):
        return False
    if _OF_TODAY.search(found.string) or _PAST.search(found.group()):
        return False
    _, _, rest = found.string[found.end() :].partition(plain(value))
    return bool(_ENDS.match(rest)) and (read_as_told or _speaks_of(fact, found))


def _speaks_of(fact: Fact, found: re.Match[str]) -> bool:
    """Whether the words up to the denied value speak of the fact's subject and attribute."""
    subject, attribute = plain(fact[0]), plain(fact[1])
    before, phrase = found.string[: found.start()], found.group()
    between = found.string[found.end() :].split(plain(fact[2]))[0]
    own, whose = (
        (_OWN, "(?:my|our)") if subject == "user" else (_noun(subject), rf"{re.escape(subject)}(?:'s)?")
    )
    if re.search(rf"\b{whose} {re.escape(attribute)} ?$", before):
        return True
    if own.search(before) and _IS.match(phrase) and not between.strip():
        return True
    if not own.search(before) and not own.search(phrase) and not (subject != "user" and own.search(between)):
        return False
    return any(said.search(phrase + between) and of.fullmatch(attribute) for said, of in _OF_VERBS)


def _noun(subject: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(subject)}\b")
