"""Rules for what people plainly say of their lives: what they play, study, drive, take, plan, and when.

Promise: as in `rule_table`, of whose rules these are a part: each pattern stands behind a lead, and has the
groups that its facts are made of. Knows patterns; nothing of when a statement is to be believed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .kinds import Fact, bank, pools
from .rule_phrases import (
    ADVERB,
    ANIMAL,
    ARE_OFF,
    BODY,
    CLOCK,
    COLOUR,
    DAY,
    GOES_ON,
    I_AM,
    ME,
    NO_INSTRUMENT,
    NO_PROGRAM,
    OFTEN,
    ROLE,
    SHADE,
    SOON,
    SPORT,
    STREET,
    TITLE,
    TITLED,
    WE,
    WHEELS,
    WHO_DOES,
    ending_before,
    no_word_of,
    phrase,
)
from .rule_words import (
    BE_ME,
    CLAUSE_END,
    COUNT,
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

_Match = re.Match[str]
_Facts = Callable[[_Match], Iterator[Fact]]
_Row = tuple[str, _Facts]

# --- What a match says -------------------------------------------------------------------


def _about(attribute: str, of_others: str | None = None) -> _Facts:
    def facts(match: _Match) -> Iterator[Fact]:
        mine = bool(match["me"])
        who = "user" if mine else noun_of(match["whose"])
        if not mine and match["called"]:
            yield who, "name", match["called"]
        yield who, attribute if mine else of_others or attribute, match["value"]

    return facts


def _mine(attribute: str) -> _Facts:
    return lambda match: iter([("user", attribute, match["value"])])


def _of(subject: str, attribute: str) -> _Facts:
    return lambda match: iter([(subject, attribute, match["value"])])


def _thing(attribute: str) -> _Facts:
    return lambda match: iter([(noun_of(match["thing"]), attribute, match["value"])])


def _made(match: _Match) -> Iterator[Fact]:
    thing = noun_of(match["thing"])
    yield thing, "brand" if re.fullmatch(WHEELS, thing) else "make", match["value"]


def _on_a_day(match: _Match) -> Iterator[Fact]:
    """What is on a day; an operation is the user's own."""
    thing = re.sub(r"^(?:next|upcoming|big) ", "", noun_of(match["thing"]))
    if re.search(r"\b(?:operation|surgery)$", thing):
        yield "user", "operation date", match["value"]
    elif thing.endswith("anniversary"):
        yield "user", thing, match["value"]
    else:
        yield thing, "date", match["value"]


def _from(match: _Match) -> Iterator[Fact]:
    value = match["value"]
    yield "user", "country of origin" if value in pools()["country"] else "hometown", value


def _operated(match: _Match) -> Iterator[Fact]:
    yield "user", "operation", match["value"]
    if match["day"]:
        yield "user", "operation date", match["day"]


def _numbered(match: _Match) -> Iterator[Fact]:
    thing = noun_of(match["thing"])
    yield (
        ("user", f"{thing} number", match["value"])
        if thing in ("flat", "house")
        else (thing, "number", match["value"])
    )


def _stands(match: _Match) -> Iterator[Fact]:
    """Where a second home is: the user's, as people ask for it."""
    thing = noun_of(match["thing"])
    if thing in ("holiday home", "summer house"):
        yield "user", f"{thing} location", match["value"]
    else:
        yield thing, "location", match["value"]


def _schooled(match: _Match) -> Iterator[Fact]:
    yield noun_of(match["thing"]), match["kind"].casefold(), match["value"]


# --- What a statement looks like ---------------------------------------------------------

_DONE: tuple[_Row, ...] = (
    (
        rf"{OFTEN}{PERSON} {ADVERB}plays? the {NO_INSTRUMENT}"
        r"(?P<value>[a-zà-öø-ÿ][\w-]+(?: (?:da|de|d') ?\w+)?)"
        + ending_before("and|but|in|with|at|for|every|since|when|too|on|now|badly|well|a bit|a little"),
        _about("instrument"),
    ),
    (
        (
            rf"(?i:the instrument (?:that )?I play is) (?:(?:the|an?) )?(?P<value>[\w-]+(?: d[ae] "
            rf"\w+)?){CLAUSE_END}"
        ),
        _mine("instrument"),
    ),
    (rf"{OFTEN}{PERSON} {ADVERB}plays? (?P<value>{SPORT})", _about("sport")),
    (rf"{OFTEN}{ME}(?P<value>sing in (?:an? |the )?(?:[\w-]+ )?choir)\b", _mine("hobby")),
    (
        (
            rf"{ME}collect {no_word_of('my|your|his|her|the|them|it|data|dust|on|taxes|money|kids')}"
            rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _mine("collection"),
    ),
    (
        r"(?i:in my (?:spare|free) time,? I) (?:(?:like to|love to|enjoy) )?"
        + no_word_of("am|have|do|just|can|don't|try|usually|mostly|often|work|sleep|help|go|like|love")
        + rf"(?P<value>[a-z]+ {phrase(2, 'and|but|with|at|because')}){CLAUSE_END}",
        _mine("hobby"),
    ),
    (
        (
            rf"(?i:(?:for fun|when I'm off(?: duty| work)?|(?:every|each|on) {DAY}|(?:on|at)(?: the)? "
            rf"weekends?|"
            r"in (?:the|my) (?:mornings?|evenings?|(?:spare|free) time)),? I (?:also )?(?:go|do)) "
            rf"(?P<value>{no_word_of('nothing|something|anything|shopping|cleaning|everything')}[a-z-]+ing|"
            rf"judo|karate|yoga|taekwondo|parkour|pottery|archery|gymnastics|ballet|aikido|"
            rf"tai chi){CLAUSE_END}"
        ),
        _mine("hobby"),
    ),
    (rf"{ME}support {no_word_of('the|my|our|you')}(?P<value>{NOT_PLACES}{RUN}){END}", _mine("football club")),
)
_STUDIED: tuple[_Row, ...] = (
    (
        rf"{PERSON}(?i:(?:'m| am| is|'s)(?: now| still| currently)? studying"
        r"| (?:now |still )?stud(?:y|ies)) "
        + no_word_of(
            "abroad|hard|late|here|there|full|part|all|every|online|alone|together|a|an|the|my|your|under"
        )
        + rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}",
        _about("degree subject", "field of study"),
    ),
    (
        (
            r"(?i:I(?:'m| am)(?: now| currently)? learning(?: to speak)?|"
            r"I(?:'ve| have)? (?:just )?start(?:ed)? (?:learning|to learn)) "
            rf"(?P<value>{NO_PROGRAM}[A-ZÀ-ÖØ-Þ][\w-]+){END}"
        ),
        _mine("language being learned"),
    ),
    (rf"{WE}teach (?P<value>{COUNT}) (?i:children|pupils|students|kids)\b", _mine("pupils")),
    (
        (
            rf"(?i:there are|I have|I've got) (?P<value>{COUNT}) (?i:children|pupils|students|kids) in my "
            rf"class\b"
        ),
        _mine("pupils"),
    ),
    (
        (
            rf"{ME}teach (?P<value>{phrase(2, GOES_ON)}) (?:at|in) (?:an?|the|our) (?:[\w-]+ ){{0,2}}"
            r"(?:school|college|university|academy)\b"
        ),
        _mine("school subject taught"),
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) goes to an? (?:[\w-]+ )?"
            rf"(?P<kind>kindergarten|nursery|school) called (?P<value>{RUN}){END}"
        ),
        _schooled,
    ),
)
_WORKED: tuple[_Row, ...] = (
    (
        (
            rf"{PERSON}(?i:'m| am| is|'s) doing (?:an?|my|his|her) (?:degree|master's|bachelor's|"
            rf"doctorate|PhD|diploma) in "
            rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _about("degree subject", "field of study"),
    ),
    (rf"{ME}(?P<value>[a-z]+ {phrase(3, 'and|but|so|because')}) for a living\b", _mine("job")),
    (
        (
            rf"{PERSON} works? (?:on board|there|here|nights|days|part-time|full-time|freelance) as an? "
            rf"(?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _about("job"),
    ),
    (
        (
            r"(?i:(?:(?:before|until) my (?:pension|retirement)|(?:before|until) I retired),? I "
            r"(?:was|worked as)) an? "
            rf"(?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _mine("previous job"),
    ),
    (rf"{I_AM}an? retired (?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}", _mine("previous job")),
    (
        (
            rf"(?i:on (?:{DAY}|(?:the )?weekends?)|at (?:the )?weekends?|after school|in the evenings),? "
            rf"(?i:I(?: also)? (?:help out|work) (?:in|at) an?) "
            rf"(?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _mine("side job"),
    ),
    (
        rf"{BE_ME} an? "
        rf"(?P<value>(?:{no_word_of('retired|former|keen|amateur|good|great|real|trainee')}[\w-]+ )?"
        rf"(?!goal)[\w-]+(?:{WHO_DOES}))"
        + ending_before("and|but|at|in|for|with|from|so|now|who|because|by"),
        _about("job"),
    ),
    (r"(?i:my (?:office|desk) is on the) (?P<value>[\w-]+) floor\b", _of("office", "floor")),
)
_HEALTHY: tuple[_Row, ...] = (
    (
        no_word_of("it|that|this|he|she|work|everything|nothing|stress|what|which")
        + r"(?P<value>[^\W\d]+(?: [a-z]+)?) (?i:gives?|brings?) me (?i:hives|(?:an? )?(?:\w+ )?rash)\b",
        _mine("allergy"),
    ),
    (
        r"(?i:I can(?:'t| ?not) eat) "
        + no_word_of(
            "much|any\\w*|now|more|breakfast|lunch|dinner|before|after|it|that|this|everything|all|the|my|an?"
        )
        + rf"(?P<value>{phrase(1, 'or|they|it|' + GOES_ON)}),? (?i:(?:because )?(?:(?:it|they) "
        r"(?:gives?|makes?|brings?) me (?:hives|(?:an? )?(?:\w+ )?rash|swell)|my (?:throat|tongue|"
        r"face|lips?)))\b",
        _mine("allergy"),
    ),
    (
        rf"(?i:I can(?:'t| ?not) stand the (?:taste|smell) of) (?P<value>{phrase(2, GOES_ON)}){END}",
        _mine("hated food"),
    ),
    (
        (
            rf"{ME}(?i:take) (?P<value>{NOT_PEOPLE}[A-Z][a-zà-öø-ÿ-]+)(?: \d+ ?mg)? "
            r"(?i:for my|every (?:morning|evening|night|day)|twice a day|once a day|daily)\b"
        ),
        _mine("medication"),
    ),
    (
        rf"(?i:my (?P<value>{BODY}) (?:was|were|has been|had to be) operated on)(?: on (?P<day>{DATE}))?",
        _operated,
    ),
    (rf"(?i:they(?:'re| are) operating on my (?P<value>{BODY}))(?: on (?P<day>{DATE}))?", _operated),
    (
        (
            rf"(?i:I'?m|I am)(?i: an?)? (?:strict )?"
            rf"(?P<value>(?i:vegan|vegetarian|pescatarian|coeliac|celiac)){END}"
        ),
        _mine("diet"),
    ),
    (
        (
            rf"{OFTEN}{ME}(?i:take) "
            rf"{no_word_of('pills?|tablets?|medicine|medication|something|it|them|drops|notes|time|care')}"
            r"(?P<value>[a-z][\w-]+) for my (?:heart|blood pressure|blood|cholesterol|asthma|diabetes|"
            r"thyroid|stomach|"
            r"migraines?|nerves|joints|knees?|back|epilepsy|depression|anxiety|allergy|allergies|gout|"
            r"bones|sleep)\b"
        ),
        _mine("medication"),
    ),
    (
        rf"{ME}(?:wear|take) (?:a )?(?:shoe )?size (?P<value>\d[\d.,]*)(?: in)?(?: shoes?| boots?)\b",
        _mine("shoe size"),
    ),
    (r"(?P<value>[^\W\d]+s|[Gg]eese|[Mm]ice) (?:scare|terrify|frighten) me\b", _mine("phobia")),
    (
        rf"(?i:for breakfast,? {ME}(?:eat|have)) (?P<value>{phrase(3, 'but|so|because|every|at|on')})"
        + ending_before("but|so|because|every|at|on"),
        _mine("usual breakfast"),
    ),
    (
        (
            r"(?i:the (?:dish|food|meal) I (?:love|like) (?:the )?(?:most|best) is) "
            rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _mine("favourite dish"),
    ),
    (rf"{I_AM}(?P<value>(?i:left|right)-handed)\b", _mine("handedness")),
    (
        rf"{I_AM}(?i:(?:really|very|so|absolutely|quite) )?(?i:afraid|scared|terrified) of "
        + no_word_of(
            "that|what|it|you|him|her|them|my|the|this|losing|being|getting|going|missing|failing|"
            "making|having|"
            "not|how|everything|nothing|dying|change|commitment"
        )
        + rf"(?P<value>[a-z][\w'-]+(?: (?:spaces|snakes|water|rooms|dogs|birds))?){CLAUSE_END}",
        _mine("phobia"),
    ),
    (
        (
            rf"{I_AM}(?P<value>\d[\d.,]* ?(?:cm|centimetres|m|metres|meters)(?: ?\d\d)?|"
            r"(?:five|six) f(?:oot|eet)(?: \w+)?) tall\b"
        ),
        _mine("height"),
    ),
    (rf"{ME}(?:get up|wake up) at {CLOCK}", _mine("wake-up time")),
    (rf"{ME}go to (?:bed|sleep) at {CLOCK}", _mine("bedtime")),
)
_OWNED: tuple[_Row, ...] = (
    (rf"{WE}drive an? (?:(?i:{SHADE}) )*(?P<value>{RUN})", _of("car", "make")),
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
        _thing("colour"),
    ),
    (
        (
            rf"{WE}(?:keep|own|bought|adopted|rescued) an? (?:[a-z]+ )?(?P<thing>(?i:{ANIMAL}|boat)),? "
            rf"(?i:called|named) (?P<value>{RUN}){END}"
        ),
        _thing("name"),
    ),
    (
        (
            rf"(?:{WE}(?:have|have got|keep|own)|(?i:I've got|we've got)) an? (?:[a-z]+ "
            rf")?(?P<thing>(?i:{ANIMAL}|boat)),? "
            rf"(?i:(?:her|his|its) name is) (?P<value>{RUN}){END}"
        ),
        _thing("name"),
    ),
    (
        (
            rf"(?:{I_AM}saving|(?i:I) save)(?: up)?(?: money)? for (?P<value>an? "
            rf"{no_word_of('rainy|while|long|bit|few')}"
            rf"{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        _mine("saving goal"),
    ),
    (
        rf"{WE}owe (?:(?i:the|my|our) \w+ )?(?P<value>(?:[$£€] ?)?\d[\d.,]*(?<=\d)(?: [a-z]+)?)\b",
        _mine("debt"),
    ),
    (
        (
            rf"(?i:to (?:go|get) to (?:work|school),? )?{ME}(?i:(?:take|catch)(?: the)? bus(?: number| "
            rf"line)?) "
            r"(?P<value>\d\w*)\b"
        ),
        _mine("bus line"),
    ),
)
_PLACED: tuple[_Row, ...] = (
    (
        rf"{PERSON} lives? (?:in|on) the (?:island|village|town|city) of (?P<value>{NOT_PLACES}{RUN}){END}",
        _about("home city"),
    ),
    (rf"{WE}rent an? (?:[a-z]+ )?(?:flat|house|room|apartment|studio) in {PLACE}{END}", _mine("home city")),
    (rf"{PERSON} comes from {PLACE}{END}", _about("hometown")),
    (
        (
            r"(?i:my|our) (?P<thing>(?i:locker|cabin|room|flat|house|seat|berth|parking space|jersey|shirt))"
            r"(?: number)? is (?:number )?(?P<value>\d+[a-z]?)\b(?!st|nd|rd|th| )"
        ),
        _numbered,
    ),
    (rf"(?i:my home is in) {PLACE}{END}", _mine("home city")),
    (
        (
            rf"{ME}(?:live|stay|rent (?:an? )?[\w ]{{1,20}}?|have an? [\w ]{{1,15}}?) (?:on|in|at) (?:\d+ "
            rf")?(?P<value>{STREET})"
        ),
        _mine("street"),
    ),
    (rf"(?i:I come|I am(?: originally)?|I'm(?: originally)?|I originally come) from {PLACE}{END}", _from),
    (
        (
            r"(?i:I grew up in an? (?:[a-z]+ )?(?:village|town|place|hamlet) (?:called|named)) "
            rf"(?P<value>{NOT_PLACES}{RUN}){END}"
        ),
        _mine("hometown"),
    ),
    (
        rf"(?i:my) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) was born in (?P<value>{NOT_PLACES}{RUN}){END}",
        _thing("birthplace"),
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>(?i:(?:summer |holiday |country |mountain )(?:cottage|"
            rf"house|home)|cottage|cabin|hut|caravan|allotment)) is (?:in|at|near) {PLACE}{END}"
        ),
        _stands,
    ),
    (rf"{SOON},? {ARE_OFF}", _mine("next trip destination")),
    (rf"{ARE_OFF} {SOON}", _mine("next trip destination")),
)
_KNOWN: tuple[_Row, ...] = (
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{no_word_of('name')}[a-z][\w-]+(?: [a-z][\w-]+)?)(?: is|'s) "
            rf"(?P<value>(?:{TITLE}){RUN}){END}"
        ),
        _thing("name"),
    ),
    (
        rf"(?i:the) (?P<thing>neighbou?rs?'s? [a-z]+) is (?:called|named) (?P<value>{RUN}){END}",
        _thing("name"),
    ),
    (rf"{TITLED} (?i:is (?:my|our)) (?P<thing>{ROLE}){CLAUSE_END}", _thing("name")),
    (rf"(?i:my|our) {QUALIFIED}(?P<thing>{ROLE})(?: is|'s) (?:called )?{TITLED}{END}", _thing("name")),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) has the name "
            rf"(?P<value>{NOT_PEOPLE}{RUN}){END}"
        ),
        _thing("name"),
    ),
    (
        (
            r"(?i:the (?P<thing>quartet|trio|band|choir|orchestra|club|team|company|shop|restaurant|"
            r"school) (?:that )?"
            r"I (?:belong to|play in|sing in|play for|work (?:for|in|at)|run|own|go to) is called) "
            rf"(?P<value>(?:the (?=[A-Z]))?{RUN}){END}"
        ),
        _thing("name"),
    ),
)
_DATED: tuple[_Row, ...] = (
    (
        rf"(?i:my) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) was born on (?:the )?(?P<value>{DATE})",
        _thing("birthday"),
    ),
    (
        rf"(?i:my|our) (?P<thing>[a-z][\w-]+(?: [\w-]+)?) ends on (?:the )?(?P<value>{DATE})",
        _thing("end date"),
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


def rows_of_life() -> Iterator[_Row]:
    """Every row, in the order they are tried."""
    yield from (*_KNOWN, *_PLACED, *_DATED, *_WORKED, *_STUDIED, *_DONE, *_HEALTHY, *_OWNED)
    ill = sorted({str(value) for kind in bank() if kind.key == ("user", "illness") for value in kind.values})
    names = "|".join(re.escape(name) for name in ill if re.fullmatch(r"[\w' -]+", name))
    yield (
        (
            rf"{PERSON}(?i:'ve got| have got| has got| have| has| suffers? from|'ve| was diagnosed with) "
            rf"(?:(?:an? |mild |severe |chronic |bad |terrible ))?(?P<value>(?i:{names})){END}"
        ),
        _about("illness"),
    )
