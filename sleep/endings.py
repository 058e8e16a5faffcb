"""Endings: what the user says is over, without denying it ("Jonas and I broke up", "I quit my job").

Promise: what ends is a bond, a job, a home, a pastime or a thing owned, and only the user's own. That
somebody died ends nothing, for the name stays theirs. Whether a sentence is to be believed is decided
where it is asked. Pure functions.
"""

from __future__ import annotations

import re

from ..verifiers.match import plain
from .kinds import Fact

MAY_END = re.compile(
    r"\b(?:broken?|split|separated|divorced|dumped|left|quit|resigned|fired|laid off|redundant|retired"
    r"|lost my|sold|scrapped|got rid|gave|given|traded|moved|walked out|called it|parted|together)\b",
    re.IGNORECASE,
)
"""A word of these stands in every sentence that ends something."""
_BONDS = {
    "partner",
    "boyfriend",
    "girlfriend",
    "husband",
    "wife",
    "spouse",
    "fiance",
    "fiancee",
    "fiancé",
    "fiancée",
}
_WORK = {"job", "job title", "employer", "workplace", "company"}
_HOME = {"home city", "home country", "city", "town", "street", "neighbourhood"}
_PASTIME = {"hobby", "sport", "instrument", "language being learned", "craft", "collection"}
_OWNED = {
    *(
        "car",
        "van",
        "bike",
        "bicycle",
        "motorbike",
        "motorcycle",
        "scooter",
        "moped",
        "boat",
        "caravan",
        "tractor",
    ),
    *("house", "flat", "cottage", "cabin", "camera", "piano", "guitar", "laptop", "phone", "horse"),
}
_OFTEN_SAID = r"(?:just |finally |recently |actually |sadly |now |both )*"
_I = rf"\bi(?:'ve| have)? {_OFTEN_SAID}"
_WE = rf"\b(?:i|we)(?:'ve| have)? {_OFTEN_SAID}"
_TIME = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december|spring|summer|"
    r"autumn|winter|(?:mon|tues|wednes|thurs|fri|satur|sun)day|the (?:spring|summer|autumn|winter|end))"
)
_LONG_AGO = re.compile(
    r"\b(?:years? ago|decades? ago|to become|to be an?|back in|back then|when i was|in (?:19|20)\d\d|once|"
    r"used to)\b"
)
_STOPS = (  # what may follow, so that what was left is no more than named
    rf"(?=\s*(?:$|[^\w\s'-]|(?:last|this|(?:in|on) {_TIME}|yesterday|today|for good|and|but|so|because|since|"
    r"after|again|now|(?:an?|two|three|\d+|some|few) (?:years?|months?|weeks?|days?|while)|recently|at last|"
    r"eventually)\b))"
)
_APART = r"(?:broken? up|split(?: up)?|separated|(?:got )?divorced|parted ways|called it quits)"


def ended(fact: Fact, sentence: str) -> re.Match[str] | None:
    """The words by which a sentence says that the fact holds no more; None where it does not."""
    subject, attribute, value = fact[0].casefold(), fact[1].casefold(), re.escape(plain(fact[2]))
    said = plain(sentence)
    if not value or not MAY_END.search(said) or _LONG_AGO.search(said):
        return None
    ways: list[str] = []
    if subject in _BONDS and attribute == "name":
        ways = _of_a_bond(subject, value)
    elif subject == "user" and attribute in _WORK:
        ways = _of_work(value)
    elif subject == "user" and attribute in _HOME:
        ways = [rf"{_WE}moved (?:away from|out of) {value}{_STOPS}"]
    elif subject == "user" and attribute in _PASTIME:
        ways = [rf"{_I}(?:gave up|given up|quit) (?:playing |learning )?(?:the )?{value}{_STOPS}"]
    thing = attribute if subject == "user" else subject
    if thing in _OWNED:
        gone = r"(?:sold|scrapped|got rid of|gave away|given away|traded in)"
        ways.append(rf"{_WE}{gone} (?:my|our|the) (?:old )?(?:{re.escape(thing)}|{value}){_STOPS}")
    return next((found for way in ways if (found := re.search(way, said))), None)


def _of_a_bond(subject: str, value: str) -> list[str]:
    first = re.split(r"\\? ", value)[0]
    whom = rf"(?:my {re.escape(plain(subject))}(?:,? (?:{value}|{first}),?)?|{value}|{first})"
    both = rf"\b(?:{whom} and i|i and {whom})"
    they = rf"\b{whom}(?: has|'s)? {_OFTEN_SAID}"
    return [
        rf"{both}(?: have)? {_OFTEN_SAID}{_APART}{_STOPS}",
        rf"{both} are (?:no longer together|not together any ?more|separated|divorced)\b",
        rf"{_I}(?:broken? up with|split up with|divorced|dumped|left|separated from) {whom}{_STOPS}",
        rf"{they}(?:dumped|left|divorced|walked out on|broken? up with) me{_STOPS}",
    ]


def _of_work(value: str) -> list[str]:
    which = rf"(?: (?:as an?|at|with) {value})?{_STOPS}"
    sacked = r"(?:fired|laid off|made redundant)"
    return [
        rf"{_I}(?:quit|left|lost|resigned from) my (?:old )?job{which}",
        rf"\bi(?:'ve been| have been| was| got) {_OFTEN_SAID}{sacked}(?: (?:from|by) {value})?{_STOPS}",
        rf"{_I}(?:quit|left|resigned from) {value}{_STOPS}",
        rf"{_I}retired{_STOPS}",
    ]
