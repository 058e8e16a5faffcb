"""Rules for what people plainly say they have: things, places, people they know, days that are fixed.

Promise: as in `rule_table`, of whose rules these are a part: each pattern stands behind a lead, and has the
groups that its facts are made of. Knows patterns; nothing of when a statement is to be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .kinds import Fact, pools
from .rule_facts import Match, Row, about, of, of_thing, of_user
from .rule_phrases import (
    ANIMAL,
    ARE_OFF,
    COLOUR,
    GOES_ON,
    I_AM,
    ME,
    ROLE,
    SHADE,
    SOON,
    STREET,
    TITLE,
    TITLED,
    WE,
    WHEELS,
    ending_before,
    no_word_of,
    phrase,
)
from .rule_words import (
    CLAUSE_END,
    DATE,
    END,
    KIN,
    NOT_PEOPLE,
    NOT_PLACES,
    PERSON,
    PLACE,
    QUALIFIED,
    RANKED,
    RUN,
    noun_of,
)

# --- What a match says -------------------------------------------------------------------


def _made(match: Match) -> Iterator[Fact]:
    thing = noun_of(match["thing"])
    yield thing, "brand" if re.fullmatch(WHEELS, thing) else "make", match["value"]


def _on_a_day(match: Match) -> Iterator[Fact]:
    """What is on a day; an operation is the user's own."""
    thing = re.sub(r"^(?:next|upcoming|big) ", "", noun_of(match["thing"]))
    if re.search(r"\b(?:operation|surgery)$", thing):
        yield "user", "operation date", match["value"]
    elif thing.endswith("anniversary"):
        yield "user", thing, match["value"]
    else:
        yield thing, "date", match["value"]


def _from(match: Match) -> Iterator[Fact]:
    value = match["value"]
    yield "user", "country of origin" if value in pools()["country"] else "hometown", value


def _numbered(match: Match) -> Iterator[Fact]:
    thing = noun_of(match["thing"])
    yield (
        ("user", f"{thing} number", match["value"])
        if thing in ("flat", "house")
        else (thing, "number", match["value"])
    )


def _stands(match: Match) -> Iterator[Fact]:
    """Where a second home is: the user's, as people ask for it."""
    thing = noun_of(match["thing"])
    if thing in ("holiday home", "summer house"):
        yield "user", f"{thing} location", match["value"]
    else:
        yield thing, "location", match["value"]


# --- What a statement looks like ---------------------------------------------------------

_OWNED: tuple[Row, ...] = (
    (rf"{WE}drive an? (?:(?i:{SHADE}) )*(?P<value>{RUN})", of("car", "make")),
    (
        (
            rf"{WE}ride (?:to [\w ]{{1,20}}? on )?an? (?:[a-z]+ ){{0,2}}?(?P<value>{RUN}) "
            rf"(?P<thing>(?i:{WHEELS}))\b"
        ),
        _made,
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>(?i:car|van|truck|lorry|tractor|camera|piano|laptop|"
            rf"sewing machine|{WHEELS})) "
            rf"is an? (?:[a-z][\w-]+ ){{0,2}}?(?P<value>{RUN}){END}"
        ),
        _made,
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>(?i:car|van|house|front door|boat|tent|sofa|kayak|"
            rf"{WHEELS})) is "
            rf"(?P<value>{COLOUR}){CLAUSE_END}"
        ),
        of_thing("colour"),
    ),
    (
        (
            rf"{WE}(?:keep|own|bought|adopted|rescued) an? (?:[a-z]+ )?(?P<thing>(?i:{ANIMAL}|boat)),? "
            rf"(?i:called|named) (?P<value>{RUN}){END}"
        ),
        of_thing("name"),
    ),
    (
        (
            rf"(?:{WE}(?:have|have got|keep|own)|(?i:I've got|we've got)) an? (?:[a-z]+ "
            rf")?(?P<thing>(?i:{ANIMAL}|boat)),? "
            rf"(?i:(?:her|his|its) name is) (?P<value>{RUN}){END}"
        ),
        of_thing("name"),
    ),
    (
        (
            rf"(?:{I_AM}saving|(?i:I) save)(?: up)?(?: money)? for (?P<value>an? "
            rf"{no_word_of('rainy|while|long|bit|few')}"
            rf"{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        of_user("saving goal"),
    ),
    (
        rf"{WE}owe (?:(?i:the|my|our) \w+ )?(?P<value>(?:[$£€] ?)?\d[\d.,]*(?<=\d)(?: [a-z]+)?)\b",
        of_user("debt"),
    ),
    (
        (
            rf"(?i:to (?:go|get) to (?:work|school),? )?{ME}(?i:(?:take|catch)(?: the)? bus(?: number| "
            rf"line)?) "
            r"(?P<value>\d\w*)\b"
        ),
        of_user("bus line"),
    ),
)
_PLACED: tuple[Row, ...] = (
    (
        rf"{PERSON} lives? (?:in|on) the (?:island|village|town|city) of (?P<value>{NOT_PLACES}{RUN}){END}",
        about("home city"),
    ),
    (rf"{WE}rent an? (?:[a-z]+ )?(?:flat|house|room|apartment|studio) in {PLACE}{END}", of_user("home city")),
    (rf"{PERSON} comes from {PLACE}{END}", about("hometown")),
    (
        (
            r"(?i:my|our) (?P<thing>(?i:locker|cabin|room|flat|house|seat|berth|parking space|jersey|shirt))"
            r"(?: number)? is (?:number )?(?P<value>\d+[a-z]?)\b(?!st|nd|rd|th| )"
        ),
        _numbered,
    ),
    (rf"(?i:my home is in) {PLACE}{END}", of_user("home city")),
    (
        (
            rf"{ME}(?:live|stay|rent (?:an? )?[\w ]{{1,20}}?|have an? [\w ]{{1,15}}?) (?:on|in|at) (?:\d+ "
            rf")?(?P<value>{STREET})"
        ),
        of_user("street"),
    ),
    (rf"(?i:I come|I am(?: originally)?|I'm(?: originally)?|I originally come) from {PLACE}{END}", _from),
    (
        (
            r"(?i:I grew up in an? (?:[a-z]+ )?(?:village|town|place|hamlet) (?:called|named)) "
            rf"(?P<value>{NOT_PLACES}{RUN}){END}"
        ),
        of_user("hometown"),
    ),
    (
        rf"(?i:my) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) was born in (?P<value>{NOT_PLACES}{RUN}){END}",
        of_thing("birthplace"),
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>(?i:(?:summer |holiday |country |mountain )(?:cottage|"
            rf"house|home)|cottage|cabin|hut|caravan|allotment)) is (?:in|at|near) {PLACE}{END}"
        ),
        _stands,
    ),
    (rf"{SOON},? {ARE_OFF}", of_user("next trip destination")),
    (rf"{ARE_OFF} {SOON}", of_user("next trip destination")),
)
_KNOWN: tuple[Row, ...] = (
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{no_word_of('name')}[a-z][\w-]+(?: [a-z][\w-]+)?)(?: is|'s) "
            rf"(?P<value>(?:{TITLE}){RUN}){END}"
        ),
        of_thing("name"),
    ),
    (
        rf"(?i:the) (?P<thing>neighbou?rs?'s? [a-z]+) is (?:called|named) (?P<value>{RUN}){END}",
        of_thing("name"),
    ),
    (rf"{TITLED} (?i:is (?:my|our)) (?P<thing>{ROLE}){CLAUSE_END}", of_thing("name")),
    (rf"(?i:my|our) {QUALIFIED}(?P<thing>{ROLE})(?: is|'s) (?:called )?{TITLED}{END}", of_thing("name")),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) has the name "
            rf"(?P<value>{NOT_PEOPLE}{RUN}){END}"
        ),
        of_thing("name"),
    ),
    (
        (
            r"(?i:the (?P<thing>quartet|trio|band|choir|orchestra|club|team|company|shop|restaurant|"
            r"school) (?:that )?"
            r"I (?:belong to|play in|sing in|play for|work (?:for|in|at)|run|own|go to) is called) "
            rf"(?P<value>(?:the (?=[A-Z]))?{RUN}){END}"
        ),
        of_thing("name"),
    ),
)
_DATED: tuple[Row, ...] = (
    (
        rf"(?i:my) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) was born on (?:the )?(?P<value>{DATE})",
        of_thing("birthday"),
    ),
    (
        rf"(?i:my|our) (?P<thing>[a-z][\w-]+(?: [\w-]+)?) ends on (?:the )?(?P<value>{DATE})",
        of_thing("end date"),
    ),
    (
        (
            rf"(?i:my|our) (?P<thing>{no_word_of('birthday')}[\w-]+(?: [\w-]+){{0,2}}?) "
            rf"(?:is|starts|begins|leaves|takes place) on (?:the )?(?P<value>{DATE})"
        ),
        _on_a_day,
    ),
    (
        (
            r"(?i:(?:my|our|the) (?P<thing>wedding anniversary|wedding|driving test|marathon) is)(?: "
            r"on)? (?:the )?"
            rf"(?P<value>{DATE})"
        ),
        _on_a_day,
    ),
    (
        (
            r"(?i:the (?P<thing>exam|test|interview|hearing|operation|surgery) for my) [\w' -]{1,30}? "
            r"is on (?:the )?"
            rf"(?P<value>{DATE})"
        ),
        _on_a_day,
    ),
)


def is_street(value: str) -> bool:
    """Whether a name is a street's."""
    return bool(re.fullmatch(STREET, value))


def rows_of_belongings() -> tuple[Row, ...]:
    """Every row, in the order they are tried."""
    return (*_KNOWN, *_PLACED, *_DATED, *_OWNED)
