"""Rules as a floor of compaction: plain statements about oneself, by regular expressions.

Promise: high precision. What is asked, supposed, denied, quoted, invented or said by somebody else gives
nothing, and every value stands in the text as it was written. What rules cannot read is the scribe's
business. Pure: text in, facts out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .kinds import Fact, pools
from .rule_belongings import is_street
from .rule_table import Rule, next_named, rules, somebody_in

# --- What a text must not be ---------------------------------------------------------

_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_FICTION = re.compile(
    (
        r"\b(imagin(e|ary)|pretend|suppos(e|ing)|hypothetical(ly)?|role "
        r"?-?play|let's say|made[- ]up|say (my|i)|fiction(al)?|"
        r"(in|from|for) (the|a|this|my) (novel|book|film|movie|story|play|"
        r"game|series|song|letter|campaign)|(the|a) song|"
        r"(my|the|main|fictional) (character|hero|heroine|villain|protagonist|"
        r"narrator)|d&d|dream(t|ed)|lyrics|a joke|"
        r"once upon|monologue|dialogue|as if|the (letter|email|text|story|"
        r"novel|book) (starts|began|begins|reads|says))\b"
    ),
    re.IGNORECASE,
)
_TASK = re.compile(  # what follows may be material to work on, not talk
    (
        r"\b(translat\w+|rewrite|rephrase|paraphrase|proofread|summari[sz]e|"
        r"correct (this|the)|fix (this|the)|spell-?check|"
        r"(write|draft|compose|make up|invent|continue|quote)( me| us)? "
        r"(a|an|the|his|her|their|this|some|in)|"
        r"(sentence|example|phrase|text|email|letter|message)s?:|grammar|"
        r"how do (you|i) say)"
    ),
    re.IGNORECASE,
)
_HEDGE = re.compile(  # in front of the statement, in its own sentence
    (
        r"\b(if|unless|whether|wish(es)?|would|could|might|maybe|perhaps|"
        r"probably|said|says|saying|told|tells|claim(s|ed)?|"
        r"asked|asks|thinks?|thought|believes?|wrote|writes|reads|hopefully|"
        r"one day|some ?day|never|used to|when|once|until|"
        r"before|nobody|anyone|not true|false|wrong|lie|lied|kidding|(?<!guess )what|"
        r"who|where|which|how|why)\b|n't\b"
    ),
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    (
        r"^\W{0,3}\s*(if\b|unless\b|or (is|was|not|so|maybe|something)\b|"
        r"in (the|a|my) (dream|game|story|novel|film|play)|"
        r"(he|she|they|it|\w+) (said|says|goes|sang|told)\b|not\b|kidding|"
        r"just kidding|joking|as (they|he|she) )"
    ),
    re.IGNORECASE,
)
_THEN_ASKS = re.compile(
    (
        r"^[,;:]?\s*(so |and |but )?(what|where|how|when|which|who|why|can|"
        r"could|do you (know|have)|any|should|please)\b(?!.*\bright\?)"
    ),
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"([^"]*)"|(?<!\w)\'([^\']*)\'(?!\w)')
_TALK = re.compile(r"\b(I|me|my|we|our|is|am|was|i'm)\b")
_SENTENCE = re.compile(
    r"[^.!?\n]*(?:(?:[.](?=\w)|(?<=\b[DSM][rts])[.](?= [A-Z])|(?<=\bMrs)[.])[^.!?\n]*)*[.!?\n]*"
)
_NOW = re.compile(r"(\b(?:is|am|are|was)|'(?:s|m|re)) (?:now|currently|actually)(?= [\w'\u2019-])")
"""A word that says no more than that it is so now, between a verb and what it says."""
_ASIDE = 4  # words; after so short a sentence ("Don't ask.") the talk is still of the same
_SPEAKER = re.compile(r"^\W*(?!PS\b|Correction\b|Update\b|Note\b|Reminder\b|FYI\b)[A-Z]\w+(?: [A-Z]\w+)?\s*$")


def _placed(fact: Fact) -> Fact:
    """A country is not a city, and no street is."""
    subject, attribute, value = fact
    if attribute == "home city" and value in pools()["country"]:
        return subject, "home country", value
    return (subject, "street", value) if attribute == "home city" and is_street(value) else fact


def invented(text: str) -> bool:
    """Whether the text speaks of a story, a game or a dream."""
    return bool(_FICTION.search(_plain(text)))


def hedged(before: str) -> bool:
    """Whether what stands in front of a statement makes it supposed, or somebody else's word."""
    return bool(_HEDGE.search(before))


def _without_quotes(match: re.Match[str]) -> str:
    inside = match[1] if match[1] is not None else match[2]
    return "..." if _TALK.search(inside) or len(inside.split()) > 4 else inside


def _plain(text: str) -> str:
    return _NOW.sub(r"\1", _QUOTED.sub(_without_quotes, text.translate(_APOSTROPHES)))


def _read_sentence(sentence: str, table: tuple[Rule, ...]) -> Iterator[tuple[int, Fact]]:
    asks = sentence.rstrip().endswith("?")
    for pattern, facts in table:
        for match in pattern.finditer(sentence):
            rest = sentence[match.end() :]
            if hedged(sentence[: match.start()]) or _TAKEN_BACK.search(rest):
                continue
            if match[0].startswith(":") and _SPEAKER.match(sentence[: match.start()]):
                continue
            if asks and not _THEN_ASKS.search(rest):
                continue
            for fact in facts(match):
                yield match.start(), _placed(fact)


def read_by_rules(text: str) -> list[Fact]:
    """The facts that the text states plainly about the user, in the order told."""
    if invented(text):
        return []
    plain = _plain(text)
    found: dict[Fact, None] = {}
    spoken_of: set[str] = set()
    for sentence in filter(str.strip, _SENTENCE.findall(plain)):
        if _TASK.search(sentence):
            break
        read = sorted(_read_sentence(sentence, rules()), key=lambda item: item[0])
        if len(spoken_of) == 1:
            named = [fact for _, fact in _read_sentence(sentence, next_named())]
            read += [(0, (whom, attribute, value)) for whom in spoken_of for _, attribute, value in named]
        for _, (subject, attribute, value) in read:
            if value in text or value in text.translate(_APOSTROPHES):
                found[(subject, attribute, value)] = None
        spoken_of = somebody_in(sentence) or (spoken_of if len(sentence.split()) <= _ASIDE else set())
    return list(found)
