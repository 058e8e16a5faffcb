"""The rules themselves: what a plain statement looks like, and which facts each says.

Promise: the rules come in one order, the same each time; each pattern has the groups that its facts are made
of. Knows patterns; nothing of when a statement is to be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from .kinds import Fact, bank
from .rule_belongings import rows_of_belongings
from .rule_facts import Facts, Match, Row, about, of_user, who
from .rule_life import rows_of_life
from .rule_words import (
    BE_ME,
    CLAUSE_END,
    COUNT,
    DATE,
    END,
    FAVOURITE_OF_NOW,
    INSTRUMENT,
    JOB_ENDINGS,
    JOKES,
    LEAD,
    LISTED,
    LOW,
    NAME,
    NO_DISTRICT,
    NOT_A_JOB,
    NOT_PEOPLE,
    NOT_PLACES,
    ONLY_OF_THINGS,
    PERSON,
    PHRASE,
    PLACE,
    QUALIFIED,
    RELATION,
    RUN,
    STOPPED,
    THING,
    WORD,
    attribute_of,
    noun_of,
)

_BARE_NAME = r"[A-ZÀ-ÖØ-Þ][\w'-]+"
Rule = tuple[re.Pattern[str], Facts]

# --- What a match says -----------------------------------------------------------------


def _allergies(match: Match) -> Iterator[Fact]:
    yield from about("allergy")(match)
    if match["more"]:
        yield who(match), "allergy", match["more"]


def _named(match: Match) -> Iterator[Fact]:
    thing = noun_of(match["thing"])
    if thing.startswith(("favourite ", "favorite ")):
        yield "user", attribute_of(thing), match["value"]
    else:
        yield thing, "name", match["value"]


def _next_named(match: Match) -> Iterator[Fact]:
    yield "", "name", match["value"]


def _own(match: Match) -> Iterator[Fact]:
    yield "user", attribute_of(match["attribute"]), match["value"]


def _of_thing(match: Match) -> Iterator[Fact]:
    yield noun_of(match["thing"]), attribute_of(match["attribute"]), match["value"]


def _counted(match: Match) -> Iterator[Fact]:
    noun = match["thing"].casefold()
    yield "user", f"number of {'children' if noun == 'kids' else noun}", match["value"]


def _named_together(match: Match) -> Iterator[Fact]:
    animal = match["animals"].casefold().removesuffix("s")
    for name in re.split(r",? and |, ", match["names"]):
        yield animal, "name", name


# --- What a statement looks like --------------------------------------------------------

_DOES = (  # what is said of somebody whose name went before
    r"(?i:is|has|was|had|will|would|can|could|wants?|lives|works|plays|loves|likes|hates|just|turned|got|gets|"
    r"came|comes|says|said|never|always|still|also|keeps|runs|makes|made|gave|goes|went|bakes|cooks|calls|called|"
    r"brought|brings|told|taught|teaches|sent|sends|drives|took|takes|moved|needs|helps|helped|thinks|visits|"
    r"visited|married|bought|sells|sings|finally|started|and I)\b"
)
_NAMES: tuple[Row, ...] = (
    (rf"(?i:my (?:full )?name(?: is|'s)(?: actually)?) {NAME}{END}", of_user("name")),
    (rf"(?i:I'?m called|I am called) {NAME}{END}", of_user("name")),
    (
        (
            rf"(?i:(?:you can |please |just |everyone |everybody |(?:my )?friends "
            rf"|people )*calls? me) "
            rf"(?P<value>{NOT_PEOPLE}{RUN}){CLAUSE_END}"
        ),
        of_user("nickname"),
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>(?!(?i:name|street|road)\b)[\w-]+(?: "
            rf"[\w-]+){{0,2}}?) (?i:is|was) (?i:called|named) "
            rf"{NAME}{END}"
        ),
        _named,
    ),
    (rf"(?i:my|our) {THING}'s? name(?: (?i:is|was)|'s) {NAME}{END}", _named),
    (rf"(?i:the name of (?:my|our)) {THING} (?i:is|was) {NAME}{END}", _named),
    (
        (
            r"(?i:I|we)(?i:'ve got| have got| have| got) an? (?:(?:\w+) )??"
            rf"{QUALIFIED}(?P<thing>{RELATION}|[\w-]+(?: [\w-]+)?),? (?i:called|"
            rf"named) {NAME}{END}"
        ),
        _named,
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{RELATION})(?: (?i:is)|'s) "
            rf"(?P<value>{NOT_PEOPLE}{RUN}){END}"
        ),
        _named,
    ),
    (
        (
            rf"(?P<value>{NOT_PEOPLE}{RUN}) (?i:is my) {QUALIFIED}(?P<thing>(?!baby|"
            rf"child){RELATION}){CLAUSE_END}"
        ),
        _named,
    ),
    (rf"(?P<value>{NOT_PEOPLE}{RUN}), (?i:my) {QUALIFIED}(?P<thing>{RELATION}),", _named),
    (
        (rf"(?i:my|our) {QUALIFIED}(?P<thing>{RELATION}),? (?P<value>{NOT_PEOPLE}{RUN}),? (?={_DOES})"),
        _named,
    ),
)
_NAMED_NEXT: tuple[Row, ...] = (  # "Her name is Oonagh": whose it is was said just before
    (rf"(?i:his|her|its|the) name(?: (?i:is|was)|'s) {NAME}{END}", _next_named),
    (rf"(?i:(?:he|she|it)(?:'s| is)) (?i:called|named) {NAME}{END}", _next_named),
)
_SOMEBODY = re.compile(
    rf"\b(?i:my|our|an?|another) (?:[\w-]+ ){{0,2}}?(?P<thing>{RELATION})\b(?!'s|[ -]in\b)"
)
_PLACES: tuple[Row, ...] = (
    (
        (
            rf"{PERSON} (?i:(?:now |still |currently )?lives?) in (?P<value>(?:(?i:the) "
            rf"(?=[A-Z]))?{NOT_PLACES}{RUN}|{LOW}){NO_DISTRICT}"
        ),
        about("home city"),
    ),
    (
        (
            rf"{PERSON}(?i:'ve| have| has|'s)?(?i: just| recently| finally)? moved "
            rf"(?:back |over |here )?to {PLACE}"
            r"(?=\s*(?:[.,;!\n]|$|\b(?:last|this|in|from|a|two|three|\d+|when|"
            r"for|with|and|but|because|recently|years?)\b))"
        ),
        about("home city"),
    ),
    (rf"(?P<me>(?i:I|we)) grew up in (?P<value>{NOT_PLACES}{RUN}|{LOW})", about("hometown")),
    (rf"(?P<me>(?i:I)) was born in (?P<value>{NOT_PLACES}{RUN})", about("birthplace")),
)
_DATES: tuple[Row, ...] = (
    (rf"(?P<me>(?i:I)) was born on (?P<value>{DATE})", about("birthday")),
    (rf"(?i:my birthday(?: is|'s|:)(?: on)?) (?P<value>{DATE})", of_user("birthday")),
    (
        (
            rf"(?i:my|our) {THING}'s? (?P<attribute>(?i:birthday))(?: (?i:is)|"
            rf"'s)(?: (?i:on))? (?P<value>{DATE})"
        ),
        _of_thing,
    ),
    (rf"{BE_ME} (?P<value>{COUNT})[ -]years?[ -]old\b", about("age")),
    (
        (
            rf"{BE_ME} (?P<value>{COUNT})(?=\s*(?:[.,;!\n](?!\d)|$|\band\b(?! "
            rf"a (?:half|quarter))))"
        ),
        about("age"),
    ),
    (
        (
            rf"{PERSON} (?i:(?:just |recently )?turned) (?P<value>{COUNT})(?=\s*(?:[.,;!\n]|"
            rf"$|\b(?:today|yesterday|last|this|in|on|and)\b))"
        ),
        about("age"),
    ),
)
_THINGS: tuple[Row, ...] = (
    (
        (
            rf"{BE_ME} (?i:(?:very |badly |deathly |severely |highly |also |"
            rf"really )?allergic to) {JOKES}"
            r"(?P<value>[\w'-]+(?: (?!(?:and|but|so|or|which|since|because|too|"
            r"as|in|at)\b)[\w'-]+){0,2}?)"
            rf"(?: and {STOPPED}(?P<more>[\w'-]+(?: (?!is\b|has\b|was\b)[\w'-]+)?)"
            r"(?=\s*(?:[.,;!\n]|$)))?"
            r"(?=\s*(?:[.,;!:)(\n\u2013\u2014]|$|\b(?:and|but|so|or|which|since|"
            r"because|too|as|in|at)\b))"
        ),
        _allergies,
    ),
    (
        (
            rf"{PERSON} (?i:plays? )(?i:the )?(?P<value>{INSTRUMENT})\b(?! "
            rf"(?:card|game|part|solo|d[ae] ))"
        ),
        about("instrument"),
    ),
    (
        (
            rf"(?i:I|we)(?i:'ve got| have got| have) {COUNT} (?i:\w+ )?"
            r"(?P<animals>(?i:cats|dogs|rabbits|horses|parrots|hamsters|tortoises|hens))"
            r"(?:, | ?: | ?\(| ?[-\u2013\u2014] | )(?i:called |named )?"
            rf"(?P<names>{_BARE_NAME}(?:, {_BARE_NAME})*,? and {_BARE_NAME}){CLAUSE_END}"
        ),
        _named_together,
    ),
    (
        (
            rf"(?i:I|we)(?i:'ve got| have got| have) (?P<value>{COUNT}) (?i:\w+ "
            rf")?(?P<thing>(?i:children|kids|grandchildren|siblings|daughters|"
            rf"sons|brothers|sisters)){CLAUSE_END}"
        ),
        _counted,
    ),
    (
        (
            r"(?i:I take) (?:[\w-]+ ){0,3}?(?i:pills?|tablets?|medication|medicine|"
            r"drops) (?i:called) (?P<value>[\w-]+)"
        ),
        of_user("medication"),
    ),
)
_OWN_WORDS: tuple[Row, ...] = (  # "my X is Y", "my X's Y is Z", "Y is my favourite X"
    (
        (
            rf"(?i:my|our) (?P<attribute>(?!(?i:{ONLY_OF_THINGS})\b){LISTED})(?: "
            rf"(?i:is)|'s) (?:(?:an?|the) (?=[\w-]+))?{PHRASE}{CLAUSE_END}"
        ),
        _own,
    ),
    (
        (
            rf"(?i:my|our) (?P<attribute>(?i:favou?rite) (?!{FAVOURITE_OF_NOW}\b)[\w-]+(?: "
            rf"[\w-]+){{0,3}}?)(?: (?i:is|are)|'s) "
            rf"{PHRASE}{CLAUSE_END}"
        ),
        _own,
    ),
    (
        (
            rf"(?P<value>{STOPPED}(?!(?i:what|which|who)\b)[A-Z][\w'&-]*(?: "
            rf"[\w'&-]+){{0,3}}?) (?i:is my) "
            rf"(?P<attribute>(?i:favou?rite) (?!{FAVOURITE_OF_NOW}\b)[\w-]+(?: "
            rf"[\w-]+)?){CLAUSE_END}"
        ),
        _own,
    ),
    (
        (
            rf"(?i:my|our) {THING}'s? (?P<attribute>{LISTED}|(?i:favou?rite) "
            rf"(?!{FAVOURITE_OF_NOW}\b)[\w-]+(?: [\w-]+)?)"
            rf"(?: (?i:is)|'s) (?:(?:an?|the) (?=[\w-]+))?{PHRASE}{CLAUSE_END}"
        ),
        _of_thing,
    ),
)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order they are tried."""
    rows = (
        *_NAMES,
        *_PLACES,
        *_DATES,
        *_work(),
        *_THINGS,
        *_OWN_WORDS,
        *rows_of_belongings(),
        *rows_of_life(),
    )
    return tuple((re.compile(LEAD + pattern), facts) for pattern, facts in rows)


@cache
def next_named() -> tuple[Rule, ...]:
    """Rules for a sentence that names whom the one before spoke of; their facts have no subject."""
    return tuple((re.compile(LEAD + pattern), facts) for pattern, facts in _NAMED_NEXT)


def somebody_in(sentence: str) -> set[str]:
    """The nouns of the people and animals that the sentence speaks of as the user's, or as new."""
    return {noun_of(match["thing"]) for match in _SOMEBODY.finditer(sentence)}


def _work() -> Iterator[Row]:
    """Made when first asked for: the jobs stand in the bank of kinds."""
    jobs = sorted({str(value).split()[-1] for value in _bank_jobs()})
    job = rf"{NOT_A_JOB}(?P<value>(?:[\w-]+ ){{0,2}}(?i:{JOB_ENDINGS}|{'|'.join(map(re.escape, jobs))}))"
    job_end = (
        r"(?=\s*(?:[.,;!)(\u2013\u2014\n]|$|\b(?:and|but|at|in|for|by (?:trade|"
        r"profession|training)|with|from|so|now|who|because)\b(?! heart\b)))"
    )
    yield (
        (
            rf"{PERSON} works? as an? (?P<value>(?:{WORD} ){{0,2}}{WORD})(?=\s*(?:[.,;!)(\n]|"
            rf"$|\b(?:and|but|at|in|for|with|on|from|so|now|because)\b))"
        ),
        about("job"),
    )
    yield (rf"{BE_ME} an? {job}{job_end}", about("job"))
    yield (
        (
            rf"(?P<me>(?i:I)) (?i:was|used to be|used to work as|worked as) an? {job}"
            rf"(?= for (?:\w+ ){{1,3}}years| before I| until I)"
        ),
        about("previous job"),
    )
    yield (
        (
            rf"{PERSON} works? (?:at|for) (?P<value>(?:the (?=[A-Z]))?(?!(?:Christmas|"
            rf"Easter|\w+day)\b){RUN})"
        ),
        about("employer"),
    )


@cache
def _bank_jobs() -> tuple[str, ...]:
    return next(
        tuple(kind.values)
        for kind in bank()
        if kind.key == ("user", "job") and not isinstance(kind.values, str)
    )
