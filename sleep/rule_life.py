"""Rules for what people plainly say they do: work, study, pastimes, and what their health has them do.

Promise: as in `rule_table`, of whose rules these are a part: each pattern stands behind a lead, and has the
groups that its facts are made of. Knows patterns; nothing of when a statement is to be believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from .kinds import Fact, bank
from .rule_facts import Match, Row, about, of, of_user
from .rule_phrases import (
    ADVERB,
    BODY,
    CLOCK,
    DAY,
    GOES_ON,
    I_AM,
    ME,
    NO_INSTRUMENT,
    NO_PROGRAM,
    OFTEN,
    SPORT,
    WE,
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
    QUALIFIED,
    RANKED,
    RUN,
    noun_of,
)

# --- What a match says -------------------------------------------------------------------


def _operated(match: Match) -> Iterator[Fact]:
    yield "user", "operation", match["value"]
    if match["day"]:
        yield "user", "operation date", match["day"]


def _schooled(match: Match) -> Iterator[Fact]:
    yield noun_of(match["thing"]), match["kind"].casefold(), match["value"]


# --- What a statement looks like ---------------------------------------------------------

_DONE: tuple[Row, ...] = (
    (
        rf"{OFTEN}{PERSON} {ADVERB}plays? the {NO_INSTRUMENT}"
        r"(?P<value>[a-zà-öø-ÿ][\w-]+(?: (?:da|de|d') ?\w+)?)"
        + ending_before("and|but|in|with|at|for|every|since|when|too|on|now|badly|well|a bit|a little"),
        about("instrument"),
    ),
    (
        (
            rf"(?i:the instrument (?:that )?I play is) (?:(?:the|an?) )?(?P<value>[\w-]+(?: d[ae] "
            rf"\w+)?){CLAUSE_END}"
        ),
        of_user("instrument"),
    ),
    (rf"{OFTEN}{PERSON} {ADVERB}plays? (?P<value>{SPORT})", about("sport")),
    (rf"{OFTEN}{ME}(?P<value>sing in (?:an? |the )?(?:[\w-]+ )?choir)\b", of_user("hobby")),
    (
        (
            rf"{ME}collect {no_word_of('my|your|his|her|the|them|it|data|dust|on|taxes|money|kids')}"
            rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        of_user("collection"),
    ),
    (
        r"(?i:in my (?:spare|free) time,? I) (?:(?:like to|love to|enjoy) )?"
        + no_word_of("am|have|do|just|can|don't|try|usually|mostly|often|work|sleep|help|go|like|love")
        + rf"(?P<value>[a-z]+ {phrase(2, 'and|but|with|at|because')}){CLAUSE_END}",
        of_user("hobby"),
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
        of_user("hobby"),
    ),
    (
        rf"{ME}support {no_word_of('the|my|our|you')}(?P<value>{NOT_PLACES}{RUN}){END}",
        of_user("football club"),
    ),
)
_STUDIED: tuple[Row, ...] = (
    (
        rf"{PERSON}(?i:(?:'m| am| is|'s)(?: now| still| currently)? studying"
        r"| (?:now |still )?stud(?:y|ies)) "
        + no_word_of(
            "abroad|hard|late|here|there|full|part|all|every|online|alone|together|a|an|the|my|your|under"
        )
        + rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}",
        about("degree subject", "field of study"),
    ),
    (
        (
            r"(?i:I(?:'m| am)(?: now| currently)? learning(?: to speak)?|"
            r"I(?:'ve| have)? (?:just )?start(?:ed)? (?:learning|to learn)) "
            rf"(?P<value>{NO_PROGRAM}[A-ZÀ-ÖØ-Þ][\w-]+){END}"
        ),
        of_user("language being learned"),
    ),
    (rf"{WE}teach (?P<value>{COUNT}) (?i:children|pupils|students|kids)\b", of_user("pupils")),
    (
        (
            rf"(?i:there are|I have|I've got) (?P<value>{COUNT}) (?i:children|pupils|students|kids) in my "
            rf"class\b"
        ),
        of_user("pupils"),
    ),
    (
        (
            rf"{ME}teach (?P<value>{phrase(2, GOES_ON)}) (?:at|in) (?:an?|the|our) (?:[\w-]+ ){{0,2}}"
            r"(?:school|college|university|academy)\b"
        ),
        of_user("school subject taught"),
    ),
    (
        (
            rf"(?i:my|our) {QUALIFIED}(?P<thing>{RANKED}(?i:{KIN})) goes to an? (?:[\w-]+ )?"
            rf"(?P<kind>kindergarten|nursery|school) called (?P<value>{RUN}){END}"
        ),
        _schooled,
    ),
)
_WORKED: tuple[Row, ...] = (
    (
        (
            rf"{PERSON}(?i:'m| am| is|'s) doing (?:an?|my|his|her) (?:degree|master's|bachelor's|"
            rf"doctorate|PhD|diploma) in "
            rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        about("degree subject", "field of study"),
    ),
    (rf"{ME}(?P<value>[a-z]+ {phrase(3, 'and|but|so|because')}) for a living\b", of_user("job")),
    (
        (
            rf"{PERSON} works? (?:on board|there|here|nights|days|part-time|full-time|freelance) as an? "
            rf"(?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        about("job"),
    ),
    (
        (
            r"(?i:(?:(?:before|until) my (?:pension|retirement)|(?:before|until) I retired),? I "
            r"(?:was|worked as)) an? "
            rf"(?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        of_user("previous job"),
    ),
    (rf"{I_AM}an? retired (?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}", of_user("previous job")),
    (
        (
            rf"(?i:on (?:{DAY}|(?:the )?weekends?)|at (?:the )?weekends?|after school|in the evenings),? "
            rf"(?i:I(?: also)? (?:help out|work) (?:in|at) an?) "
            rf"(?P<value>{phrase(2, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        of_user("side job"),
    ),
    (
        rf"{BE_ME} an? "
        rf"(?P<value>(?:{no_word_of('retired|former|keen|amateur|good|great|real|trainee')}[\w-]+ )?"
        rf"(?!goal)[\w-]+(?:{WHO_DOES}))"
        + ending_before("and|but|at|in|for|with|from|so|now|who|because|by"),
        about("job"),
    ),
    (r"(?i:my (?:office|desk) is on the) (?P<value>[\w-]+) floor\b", of("office", "floor")),
)
_HEALTHY: tuple[Row, ...] = (
    (
        no_word_of("it|that|this|he|she|work|everything|nothing|stress|what|which")
        + r"(?P<value>[^\W\d]+(?: [a-z]+)?) (?i:gives?|brings?) me (?i:hives|(?:an? )?(?:\w+ )?rash)\b",
        of_user("allergy"),
    ),
    (
        r"(?i:I can(?:'t| ?not) eat) "
        + no_word_of(
            "much|any\\w*|now|more|breakfast|lunch|dinner|before|after|it|that|this|everything|all|the|my|an?"
        )
        + rf"(?P<value>{phrase(1, 'or|they|it|' + GOES_ON)}),? (?i:(?:because )?(?:(?:it|they) "
        r"(?:gives?|makes?|brings?) me (?:hives|(?:an? )?(?:\w+ )?rash|swell)|my (?:throat|tongue|"
        r"face|lips?)))\b",
        of_user("allergy"),
    ),
    (
        rf"(?i:I can(?:'t| ?not) stand the (?:taste|smell) of) (?P<value>{phrase(2, GOES_ON)}){END}",
        of_user("hated food"),
    ),
    (
        (
            rf"{ME}(?i:take) (?P<value>{NOT_PEOPLE}[A-Z][a-zà-öø-ÿ-]+)(?: \d+ ?mg)? "
            r"(?i:for my|every (?:morning|evening|night|day)|twice a day|once a day|daily)\b"
        ),
        of_user("medication"),
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
        of_user("diet"),
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
        of_user("medication"),
    ),
    (
        rf"{ME}(?:wear|take) (?:a )?(?:shoe )?size (?P<value>\d[\d.,]*)(?: in)?(?: shoes?| boots?)\b",
        of_user("shoe size"),
    ),
    (r"(?P<value>[^\W\d]+s|[Gg]eese|[Mm]ice) (?:scare|terrify|frighten) me\b", of_user("phobia")),
    (
        rf"(?i:for breakfast,? {ME}(?:eat|have)) (?P<value>{phrase(3, 'but|so|because|every|at|on')})"
        + ending_before("but|so|because|every|at|on"),
        of_user("usual breakfast"),
    ),
    (
        (
            r"(?i:the (?:dish|food|meal) I (?:love|like) (?:the )?(?:most|best) is) "
            rf"(?P<value>{phrase(3, GOES_ON)}){ending_before(GOES_ON)}"
        ),
        of_user("favourite dish"),
    ),
    (rf"{I_AM}(?P<value>(?i:left|right)-handed)\b", of_user("handedness")),
    (
        rf"{I_AM}(?i:(?:really|very|so|absolutely|quite) )?(?i:afraid|scared|terrified) of "
        + no_word_of(
            "that|what|it|you|him|her|them|my|the|this|losing|being|getting|going|missing|failing|"
            "making|having|"
            "not|how|everything|nothing|dying|change|commitment"
        )
        + rf"(?P<value>[a-z][\w'-]+(?: (?:spaces|snakes|water|rooms|dogs|birds))?){CLAUSE_END}",
        of_user("phobia"),
    ),
    (
        (
            rf"{I_AM}(?P<value>\d[\d.,]* ?(?:cm|centimetres|m|metres|meters)(?: ?\d\d)?|"
            r"(?:five|six) f(?:oot|eet)(?: \w+)?) tall\b"
        ),
        of_user("height"),
    ),
    (rf"{ME}(?:get up|wake up) at {CLOCK}", of_user("wake-up time")),
    (rf"{ME}go to (?:bed|sleep) at {CLOCK}", of_user("bedtime")),
)


def rows_of_life() -> Iterator[Row]:
    """Every row, in the order they are tried."""
    yield from (*_WORKED, *_STUDIED, *_DONE, *_HEALTHY)
    ill = sorted({str(value) for kind in bank() if kind.key == ("user", "illness") for value in kind.values})
    names = "|".join(re.escape(name) for name in ill if re.fullmatch(r"[\w' -]+", name))
    yield (
        (
            rf"{PERSON}(?i:'ve got| have got| has got| have| has| suffers? from|'ve| was diagnosed with) "
            rf"(?:(?:an? |mild |severe |chronic |bad |terrible ))?(?P<value>(?i:{names})){END}"
        ),
        about("illness"),
    )
