"""Rules as a floor of compaction: plain statements about oneself, by regular expressions.

Promise: high precision. What is asked, supposed, denied, quoted, invented or said by somebody else gives
nothing, and every value stands in the text as it was written. What rules cannot read is the scribe's
business. Pure: text in, facts out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from .kinds import Fact, bank, pools

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
_SPEAKER = re.compile(r"^\W*(?!PS\b|Correction\b|Update\b|Note\b|Reminder\b|FYI\b)[A-Z]\w+(?: [A-Z]\w+)?\s*$")

# --- Words ---------------------------------------------------------------------------

_KIN = (
    r"(?:great-?)?grand(?:mother|father|ma|pa|dad|mum|son|daughter|child)|"
    r"mother|father|mum|mom|mam|dad|nan|parents|"
    r"(?:step|half-?|twin )?(?:sister|brother|mother|father|son|daughter)(?:[- ]in[- ]law)?|"
    r"uncle|aunt|auntie|cousin|"
    r"niece|nephew|wife|husband|partner|girlfriend|boyfriend|fiancée?|"
    r"fiance|ex|godmother|godfather|baby|kid|child|twin"
)
_OTHERS = (
    r"boss|manager|colleague|co-?worker|flatmate|roommate|housemate|"
    r"(?:next-door |upstairs |downstairs |desk )?neighbou?r|"
    r"(?:best |old |pen )?friend|dentist|doctor|gp|vet|therapist|physiotherapist|"
    r"physio|hairdresser|barber|landlord|"
    r"landlady|coach|trainer|(?:\w+ )?teacher|tutor|apprentice|mentor|"
    r"accountant|lawyer|midwife|au pair|client"
)
_PETS = (
    r"dog|puppy|cat|kitten|horse|pony|parrot|budgie|hamster|rabbit|guinea "
    r"pig|tortoise|goldfish|snake|gecko|ferret|goat|"
    r"donkey|dachshund|labrador|terrier|spaniel|poodle|beagle|collie"
)
_QUALIFIED = r"(?:(?:late|dear|lovely|beloved|wonderful|new|old|little|big|own|dearest) )*"
_RANKED = r"(?:(?:older|elder|oldest|eldest|younger|youngest|middle|twin|first|second) )?"
_STOP = (
    r"a|an|the|my|your|his|her|our|their|its|it|he|she|they|we|i|you|this|that|these|those|"
    r"what|who|where|how|when|why|not|no|now|here|there|up|down|in|on|at|to|of|off|so|too|"
    r"very|just|still|always|never|only|also|about|like|called|named|one|fear|hope|peace|"
    r"sin|denial|dread|constant|hell|mud|bed|total|complete|perfect|anybody|nobody|someone|"
    r"something|anything|after|whatever|unknown|missing|gone|wrong|right|fine|ok|okay|back|"
    r"home"
)
_STOPPED = rf"(?!(?i:{_STOP})\b)"
_NOT_PEOPLE = (
    r"(?!(?:Jan(?:uary)?|Feb(?:ruary)?|March|April|May|June|July|August|"
    r"September|October|November|December|\w+day|"
    r"Christmas|Easter|English|Spanish|French|German|Dutch|Swiss|Greek|"
    r"Thai|Welsh|Czech|Finn|Dane|Swede|Scot|Turk|Pole|"
    r"Catholic|Jewish|Muslim|Hindu|Buddhist|Sikh|OK|"
    r"\w+ish|\w+ese|\w+ean|\w+ian|Iraqi|Pakistani|Israeli)\b(?! [A-Z])|"
    r"(?:Aries|Taurus|Gemini|Cancer|Leo|Virgo|Libra|Scorpio|"
    r"Sagittarius|Capricorn|Aquarius|Pisces|Meet|Ask|Tell|Call|Invite|"
    r"Thank|Remind|Blame|Like|Unlike|Both|Everyone|For|"
    r"With|From|To|And|But|So|Also)\b)"
)
_CAPITAL = r"(?:(?:Dr|St|Mr|Mrs|Ms)\. )?[A-ZÀ-ÖØ-ÞŁŚŠŽĐ][\w'&-]*(?<!')(?<!'s)"
_RUN = (
    _STOPPED
    + _CAPITAL
    + (
        r"(?: (?:(?:de|da|do|del|della|di|du|la|le|van|von|der|den|am|an|"
        r"upon|on|of|the|&) ){0,2}"
    )
    + _CAPITAL
    + r")*"
)
_NOT_PLACES = (
    r"(?!(?:Jan|Feb|Mar|Apr|June?|July?|Aug|Sep|Oct|Nov|Dec)\w*\b|\w+day\b|"
    r"Christmas|Easter|Slack|Teams|Zoom|Microsoft|"
    r"Google|Linux|Ubuntu|Debian|Windows|Mac\b|Python|Rust\b|Java|Git|"
    r"Notion|Firefox|Chrome|Hell\b|Plan\b|Narnia|Mordor|"
    r"Hogwarts|Tier\b|Team\b|Level\b|Chapter\b|Page\b|Row\b|Seat\b|Room\b)"
)
_NO_DISTRICT = (
    r"(?![\w'&-]| [A-Z]|,? (?i:neighbou?rhood|district|area|quarter|"
    r"street|road|house|houses|times|mode|conditions|style)\b)"
)
_END = (
    r"(?=\s*(?:[.,;:!?)(\u2013\u2014\n](?!\d)|$|\b(?:and|but|so|because|"
    r"since|who|which|now|by the way|btw|too|then|as|with|at|in|"
    r"on|for|from)\b))"
)
_CLAUSE_END = (
    r"(?=\s*(?:[.,;:!)(\u2013\u2014\n](?!\d)|$|\b(?:now|these days|nowadays|"
    r"lately|at the moment|and(?! (?!I\b)[A-Z])|but|so|because|"
    r"since|though|although|btw|by the way)\b))"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|"
    r"July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE = (
    r"(?i:(?:the )?\d{1,2}(?:st|nd|rd|th)?(?: of)? "
    + _MONTH
    + r"\b(?:,? \d{4})?|"
    + _MONTH
    + (
        r" (?:the )?\d{1,2}(?:st|nd|rd|th)?\b(?:,? \d{4})?|\d{1,2}[./-]\d{1,2}(?:[./-]\d{2,4})?|"
        r"\d{4}-\d\d-\d\d)"
    )
)
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_COUNT = (
    rf"(?i:\d{{1,3}}|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    rf"ninety)(?:[- ](?:{_UNITS}))?|{_UNITS}|ten|eleven|twelve|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teen)"
)
_INSTRUMENT = (
    r"(?i:(?:bass |electric |acoustic |classical |double |french |tenor "
    r"|alto |baritone |pedal |steel )?(?:accordion|bagpipes|"
    r"bandoneon|banjo|bass|bassoon|bouzouki|bugle|cello|clarinet|concertina|"
    r"cornet|didgeridoo|double bass|drums|dulcimer|"
    r"euphonium|fiddle|flute|french horn|glockenspiel|guitar|harmonica|"
    r"harp|harpsichord|horn|hurdy-gurdy|kalimba|"
    r"keyboards?|koto|lute|lyre|mandolin|marimba|melodica|oboe|organ|"
    r"oud|piano|piccolo|recorder|saxophone|sax|sitar|"
    r"tabla|tambourine|theremin|timpani|triangle|trombone|trumpet|tuba|"
    r"ukulele|vibraphone|viola|violin|whistle|"
    r"xylophone|zither))"
)
_JOB_ENDINGS = (
    r"schoolteacher|headteacher|bartender|salesman|fireman|seamstress|dressmaker|watchmaker|"
    r"shoemaker|blacksmith|goldsmith|accountant|actor|actress|analyst|architect|archivist|attorney|"
    r"baker|barber|bookkeeper|bricklayer|builder|butcher|carer|"
    r"carpenter|cashier|chef|clerk|coach|consultant|cook|courier|curator|"
    r"dentist|designer|developer|dispatcher|doctor|driver|"
    r"editor|electrician|engineer|farmer|firefighter|fisherman|florist|"
    r"gardener|glazier|guide|hairdresser|instructor|"
    r"interpreter|janitor|joiner|journalist|judge|lawyer|lecturer|librarian|"
    r"locksmith|manager|mason|mechanic|midwife|miner|"
    r"musician|nanny|nurse|officer|operator|optician|painter|paramedic|"
    r"pharmacist|photographer|physicist|physiotherapist|pilot|"
    r"plumber|policeman|policewoman|postman|potter|programmer|psychologist|"
    r"receptionist|researcher|roofer|sailor|scientist|"
    r"secretary|shepherd|shopkeeper|solicitor|statistician|stonemason|"
    r"surgeon|surveyor|tailor|teacher|technician|therapist|"
    r"tiler|translator|upholsterer|vet|waiter|waitress|warden|weaver|"
    r"welder|writer|zookeeper"
)
_NOT_A_JOB = (
    r"(?!(?i:\w*\b(?:bit|kind|sort|big|huge|real|terrible|bad|good|great|"
    r"better|decent|lousy|awful|slow|fast|nervous|former|"
    r"retired|failed|amateur|hobby|would-be|wannabe|budding|aspiring|"
    r"keen|passionate|trainee|worse|lapsed|born|"
    r"home|safe|careful|backseat|armchair)\b))"
)
_JOKES = (
    r"(?!(?i:mornings?|mondays?|work|working|effort|stupidity|people|"
    r"exercise|bullshit|nonsense|it|that|this|them|those|these|"
    r"him|her|small talk|commitment|fun|meetings|everything|nothing|"
    r"something|all|almost|money|you|bad|my|the idea)\b)"
)
_FAVOURITE_OF_NOW = (
    r"(?i:part|thing|bit|moment|scene|one|ones|time|way|line|quote|idea|"
    r"option|suggestion|version|example|person|child|"
    r"excuse|joke|paragraph|of \w+|(?:\w+ )*(?:now|ever|among|these|"
    r"of|by|to|in|on|at|for|from|with)\b.*)"
)
_OWN = {  # "my X is Y": what people call it, and the attribute's word
    "job": "job",
    "profession": "job",
    "occupation": "job",
    "job title": "job title",
    "nickname": "nickname",
    "full name": "name",
    "first name": "first name",
    "middle name": "middle name",
    "surname": "surname",
    "last name": "surname",
    "maiden name": "maiden name",
    "employer": "employer",
    "hometown": "hometown",
    "home town": "hometown",
    "birthplace": "birthplace",
    "nationality": "nationality",
    "native language": "native language",
    "mother tongue": "native language",
    "first language": "native language",
    "hobby": "hobby",
    "main hobby": "hobby",
    "allergy": "allergy",
    "blood type": "blood type",
    "shoe size": "shoe size",
    "height": "height",
    "age": "age",
    "star sign": "star sign",
    "diet": "diet",
    "lucky number": "lucky number",
    "instrument": "instrument",
    "medication": "medication",
    "username": "username",
    "breed": "breed",
    "colour": "colour",
    "color": "colour",
    "model": "model",
    "make": "make",
    "brand": "brand",
    "number plate": "number plate",
    "day off": "day off",
}
_ONLY_OF_THINGS = "breed|colou?r|model|make|brand|number plate"
_PLAINER = {
    "mum": "mother",
    "mom": "mother",
    "mam": "mother",
    "dad": "father",
    "nan": "grandmother",
    "gran": "grandmother",
    "grandma": "grandmother",
    "grandpa": "grandfather",
    "granddad": "grandfather",
    "grandad": "grandfather",
    "gp": "doctor",
    "physio": "physiotherapist",
    "roommate": "flatmate",
    "housemate": "flatmate",
}


def _attribute(words: str) -> str:
    lowered = " ".join(words.casefold().split()).replace("favorite", "favourite").replace("color", "colour")
    return _OWN.get(lowered, lowered)


def _noun(words: str) -> str:
    """The plain noun: without the adjectives that only praise or place it."""
    noun = re.sub(rf"^{_QUALIFIED}", "", " ".join(words.casefold().split()))
    return _PLAINER.get(noun, noun)


# --- The rules -----------------------------------------------------------------------

_Match = re.Match[str]
_Rule = tuple[re.Pattern[str], Callable[[_Match], Iterator[Fact]]]

_LEAD = (
    r"(?i:^\W*(?:(?:hi|hello|hey|hiya|well|oh|ok|okay|yes|yeah|no|so|"
    r"also|btw|by the way|fyi|for the record|and|but|because|since|"
    r"actually|correction|as you know|just so you know|anyway|right|"
    r"there|now|ps|p\.s|note that|remember that|remember|"
    r"please remember that|please remember|please note that|good (?:morning|"
    r"evening|afternoon)|to introduce myself|"
    r"first of all|one more thing|another thing|nowadays|these days|"
    r"thanks|thank you)\b[\s,:;!\u2013\u2014-]*)*"
    r"|[,;:\u2013\u2014(]\s*(?:(?:and|but|so|because|since|also) )?|"
    r"\b(?:and|but|because|so) )"
)
_PERSON = (
    rf"(?:(?P<me>(?i:I|we)\b)|(?i:my|our) {_QUALIFIED}(?P<whose>{_RANKED}(?i:{_KIN}|"
    rf"{_OTHERS}|{_PETS}))"
    rf"(?:,? (?P<called>{_NOT_PEOPLE}{_RUN}),?)?)"
)
_BE_ME = (
    r"(?:(?P<me>(?i:I'?m|I am)\b)|(?i:my|our) "
    + _QUALIFIED
    + (
        rf"(?P<whose>{_RANKED}(?i:{_KIN}|{_OTHERS}|{_PETS}))(?:,? (?P<called>{_NOT_PEOPLE}{_RUN})"
        rf",?)?(?: (?i:is)|'s))"
    )
)
_THING = r"(?P<thing>(?!(?i:name|favou?rite)\b)[\w-]+(?:'s [\w-]+)?(?: [\w-]+){0,2}?)"


def _who(match: _Match) -> str:
    return "user" if match["me"] else _noun(match["whose"])


def _about(attribute: str, group: str = "value") -> Callable[[_Match], Iterator[Fact]]:
    def facts(match: _Match) -> Iterator[Fact]:
        who = _who(match)
        if not match["me"] and match["called"]:
            yield who, "name", match["called"]
        yield who, attribute, match[group]

    return facts


def _allergies(match: _Match) -> Iterator[Fact]:
    yield from _about("allergy")(match)
    if match["more"]:
        yield _who(match), "allergy", match["more"]


def _of_user(attribute: str) -> Callable[[_Match], Iterator[Fact]]:
    return lambda match: iter([("user", attribute, match["value"])])


def _named(match: _Match) -> Iterator[Fact]:
    thing = _noun(match["thing"])
    if thing.startswith(("favourite ", "favorite ")):
        yield "user", _attribute(thing), match["value"]
    else:
        yield thing, "name", match["value"]


def _own(match: _Match) -> Iterator[Fact]:
    yield "user", _attribute(match["attribute"]), match["value"]


def _of_thing(match: _Match) -> Iterator[Fact]:
    yield _noun(match["thing"]), _attribute(match["attribute"]), match["value"]


def _counted(match: _Match) -> Iterator[Fact]:
    noun = match["thing"].casefold()
    yield "user", f"number of {'children' if noun == 'kids' else noun}", match["value"]


def _car(match: _Match) -> Iterator[Fact]:
    yield "car", "make", match["value"]


@cache
def _rules() -> tuple[_Rule, ...]:
    kin, relation = _KIN, rf"{_RANKED}(?i:{_KIN}|{_OTHERS}|{_PETS})"
    low = rf"{_STOPPED}[a-zà-öø-ÿ][\w'-]+{_CLAUSE_END}"
    name = rf"(?P<value>{_RUN}|{low})"
    place = rf"(?P<value>(?:(?i:the) (?=[A-Z]))?{_NOT_PLACES}{_RUN})"
    phrase = (
        r"(?P<value>(?!(?i:not|about|no|now|when|that|how|what|why|where|if|to|"
        r"it|still|also|always|so|too|very|just|there|here|this|"
        r"these|those|something|nothing|anything|everything|probably|definitely|"
        r"gone|broken|full|over|coming|getting|my|your|on its|"
        r"unknown|a secret|none|one)\b)[\w'&.-]*\w(?: (?!(?:and|but|so|because|"
        r"since|though|although|when|"
        r"which|who|btw|by the way|now|these days|nowadays|lately|at the moment|if)\b)"
        r"[\w'&-]+){0,4})"
    )
    word = r"(?!(?:and|but|at|in|for|with|on|from|so|now|because|well|usual)\b)[\w-]+"
    jobs = sorted({str(value).split()[-1] for value in _bank_jobs()})
    job = rf"{_NOT_A_JOB}(?P<value>(?:[\w-]+ ){{0,2}}(?i:{_JOB_ENDINGS}|{'|'.join(map(re.escape, jobs))}))"
    job_end = (
        r"(?=\s*(?:[.,;!)(\u2013\u2014\n]|$|\b(?:and|but|at|in|for|by (?:trade|"
        r"profession|training)|with|from|so|now|who|because)\b(?! heart\b)))"
    )
    listed = r"(?i:" + "|".join(sorted(_OWN, key=len, reverse=True)) + ")"
    table: tuple[tuple[str, Callable[[_Match], Iterator[Fact]]], ...] = (
        # names
        (rf"(?i:my (?:full )?name(?: is|'s)(?: actually)?) {name}{_END}", _of_user("name")),
        (rf"(?i:I'?m called|I am called) {name}{_END}", _of_user("name")),
        (
            (
                rf"(?i:(?:you can |please |just |everyone |everybody |(?:my )?friends "
                rf"|people )*calls? me) "
                rf"(?P<value>{_NOT_PEOPLE}{_RUN}){_CLAUSE_END}"
            ),
            _of_user("nickname"),
        ),
        (
            (
                rf"(?i:my|our) {_QUALIFIED}(?P<thing>(?!(?i:name|street|road)\b)[\w-]+(?: "
                rf"[\w-]+){{0,2}}?) (?i:is|was) (?i:called|named) "
                rf"{name}{_END}"
            ),
            _named,
        ),
        (rf"(?i:my|our) {_THING}'s? name(?: (?i:is|was)|'s) {name}{_END}", _named),
        (rf"(?i:the name of (?:my|our)) {_THING} (?i:is|was) {name}{_END}", _named),
        (
            (
                r"(?i:I|we)(?i:'ve got| have got| have| got) an? (?:(?:\w+) )??"
                rf"{_QUALIFIED}(?P<thing>{relation}|[\w-]+(?: [\w-]+)?),? (?i:called|"
                rf"named) {name}{_END}"
            ),
            _named,
        ),
        (
            (
                rf"(?i:my|our) {_QUALIFIED}(?P<thing>{relation})(?: (?i:is)|'s) "
                rf"(?P<value>{_NOT_PEOPLE}{_RUN}){_END}"
            ),
            _named,
        ),
        (
            (
                rf"(?P<value>{_NOT_PEOPLE}{_RUN}) (?i:is my) {_QUALIFIED}(?P<thing>(?!baby|"
                rf"child){relation}){_CLAUSE_END}"
            ),
            _named,
        ),
        (rf"(?P<value>{_NOT_PEOPLE}{_RUN}), (?i:my) {_QUALIFIED}(?P<thing>{relation}),", _named),
        (
            (
                rf"(?i:my) {_QUALIFIED}(?P<thing>{_RANKED}(?i:{kin}|best friend|boss|"
                rf"flatmate|{_PETS})),? "
                rf"(?P<value>{_NOT_PEOPLE}{_RUN}),? (?=(?i:is|has|lives|works|plays|"
                rf"loves|likes|just|turned|got|came|comes)\b)"
            ),
            _named,
        ),
        # places
        (
            (
                rf"{_PERSON} (?i:(?:now |still |currently )?lives?) in (?P<value>(?:(?i:the) "
                rf"(?=[A-Z]))?{_NOT_PLACES}{_RUN}|{low}){_NO_DISTRICT}"
            ),
            _about("home city"),
        ),
        (
            (
                rf"{_PERSON}(?i:'ve| have| has)?(?i: just| recently| finally)? moved "
                rf"(?:back |over |here )?to {place}"
                r"(?=\s*(?:[.,;!\n]|$|\b(?:last|this|in|from|a|two|three|\d+|when|"
                r"for|with|and|but|because|recently|years?)\b))"
            ),
            _about("home city"),
        ),
        (rf"(?P<me>(?i:I|we)) grew up in (?P<value>{_NOT_PLACES}{_RUN}|{low})", _about("hometown")),
        (rf"(?P<me>(?i:I)) was born in (?P<value>{_NOT_PLACES}{_RUN})", _about("birthplace")),
        # dates and ages
        (rf"(?P<me>(?i:I)) was born on (?P<value>{_DATE})", _about("birthday")),
        (rf"(?i:my birthday(?: is|'s|:)(?: on)?) (?P<value>{_DATE})", _of_user("birthday")),
        (
            (
                rf"(?i:my|our) {_THING}'s? (?P<attribute>(?i:birthday))(?: (?i:is)|"
                rf"'s)(?: (?i:on))? (?P<value>{_DATE})"
            ),
            _of_thing,
        ),
        (rf"{_BE_ME} (?P<value>{_COUNT})[ -]years?[ -]old\b", _about("age")),
        (
            (
                rf"{_BE_ME} (?P<value>{_COUNT})(?=\s*(?:[.,;!\n](?!\d)|$|\band\b(?! "
                rf"a (?:half|quarter))))"
            ),
            _about("age"),
        ),
        (
            (
                rf"{_PERSON} (?i:(?:just |recently )?turned) (?P<value>{_COUNT})(?=\s*(?:[.,;!\n]|"
                rf"$|\b(?:today|yesterday|last|this|in|on|and)\b))"
            ),
            _about("age"),
        ),
        # work
        (
            (
                rf"{_PERSON} works? as an? (?P<value>(?:{word} ){{0,2}}{word})(?=\s*(?:[.,;!)(\n]|"
                rf"$|\b(?:and|but|at|in|for|with|on|from|so|now|because)\b))"
            ),
            _about("job"),
        ),
        (rf"{_BE_ME} an? {job}{job_end}", _about("job")),
        (
            (
                rf"(?P<me>(?i:I)) (?i:was|used to be|used to work as|worked as) an? {job}"
                rf"(?= for (?:\w+ ){{1,3}}years| before I| until I)"
            ),
            _about("previous job"),
        ),
        (
            (
                rf"{_PERSON} works? (?:at|for) (?P<value>(?:the (?=[A-Z]))?(?!(?:Christmas|"
                rf"Easter|\w+day)\b){_RUN})"
            ),
            _about("employer"),
        ),
        # health, hobbies, things
        (
            (
                rf"{_BE_ME} (?i:(?:very |badly |deathly |severely |highly |also |"
                rf"really )?allergic to) {_JOKES}"
                r"(?P<value>[\w'-]+(?: (?!(?:and|but|so|or|which|since|because|too|"
                r"as|in|at)\b)[\w'-]+){0,2}?)"
                rf"(?: and {_STOPPED}(?P<more>[\w'-]+(?: (?!is\b|has\b|was\b)[\w'-]+)?)"
                r"(?=\s*(?:[.,;!\n]|$)))?"
                r"(?=\s*(?:[.,;!:)(\n\u2013\u2014]|$|\b(?:and|but|so|or|which|since|"
                r"because|too|as|in|at)\b))"
            ),
            _allergies,
        ),
        (
            (
                rf"{_PERSON} (?i:plays? )(?i:the )?(?P<value>{_INSTRUMENT})\b(?! "
                rf"(?:card|game|part|solo))"
            ),
            _about("instrument"),
        ),
        (
            (
                rf"(?i:I|we) drive an? (?:(?:old|new|little|red|blue|green|white|"
                rf"black|grey|silver|yellow|\d{{4}}) )*(?P<value>{_RUN})"
            ),
            _car,
        ),
        (
            (
                rf"(?i:I|we)(?i:'ve got| have got| have) (?P<value>{_COUNT}) (?i:\w+ "
                rf")?(?P<thing>(?i:children|kids|grandchildren|siblings|daughters|"
                rf"sons|brothers|sisters)){_CLAUSE_END}"
            ),
            _counted,
        ),
        (
            (
                r"(?i:I take) (?:[\w-]+ ){0,3}?(?i:pills?|tablets?|medication|medicine|"
                r"drops) (?i:called) (?P<value>[\w-]+)"
            ),
            _of_user("medication"),
        ),
        # "my X is Y", "my X's Y is Z", "Y is my favourite X"
        (
            (
                rf"(?i:my|our) (?P<attribute>(?!(?i:{_ONLY_OF_THINGS})\b){listed})(?: "
                rf"(?i:is)|'s) (?:(?:an?|the) (?=[\w-]+))?{phrase}{_CLAUSE_END}"
            ),
            _own,
        ),
        (
            (
                rf"(?i:my|our) (?P<attribute>(?i:favou?rite) (?!{_FAVOURITE_OF_NOW}\b)[\w-]+(?: "
                rf"[\w-]+){{0,3}}?)(?: (?i:is|are)|'s) "
                rf"{phrase}{_CLAUSE_END}"
            ),
            _own,
        ),
        (
            (
                rf"(?P<value>{_STOPPED}(?!(?i:what|which|who)\b)[A-Z][\w'&-]*(?: "
                rf"[\w'&-]+){{0,3}}?) (?i:is my) "
                rf"(?P<attribute>(?i:favou?rite) (?!{_FAVOURITE_OF_NOW}\b)[\w-]+(?: "
                rf"[\w-]+)?){_CLAUSE_END}"
            ),
            _own,
        ),
        (
            (
                rf"(?i:my|our) {_THING}'s? (?P<attribute>{listed}|(?i:favou?rite) "
                rf"(?!{_FAVOURITE_OF_NOW}\b)[\w-]+(?: [\w-]+)?)"
                rf"(?: (?i:is)|'s) (?:(?:an?|the) (?=[\w-]+))?{phrase}{_CLAUSE_END}"
            ),
            _of_thing,
        ),
    )
    return tuple((re.compile(_LEAD + pattern), facts) for pattern, facts in table)


@cache
def _bank_jobs() -> tuple[str, ...]:
    return next(
        tuple(kind.values)
        for kind in bank()
        if kind.key == ("user", "job") and not isinstance(kind.values, str)
    )


def _placed(fact: Fact) -> Fact:
    """A country is not a city."""
    subject, attribute, value = fact
    return (
        (subject, "home country", value) if attribute == "home city" and value in pools()["country"] else fact
    )


def _without_quotes(match: _Match) -> str:
    inside = match[1] if match[1] is not None else match[2]
    return "..." if _TALK.search(inside) or len(inside.split()) > 4 else inside


def _plain(text: str) -> str:
    return _QUOTED.sub(_without_quotes, text.translate(_APOSTROPHES))


def _read_sentence(sentence: str) -> Iterator[tuple[int, Fact]]:
    asks = sentence.rstrip().endswith("?")
    for pattern, facts in _rules():
        for match in pattern.finditer(sentence):
            rest = sentence[match.end() :]
            if _HEDGE.search(sentence[: match.start()]) or _TAKEN_BACK.search(rest):
                continue
            if match[0].startswith(":") and _SPEAKER.match(sentence[: match.start()]):
                continue
            if asks and not _THEN_ASKS.search(rest):
                continue
            for fact in facts(match):
                yield match.start(), _placed(fact)


def read_by_rules(text: str) -> list[Fact]:
    """The facts that the text states plainly about the user, in the order told."""
    plain = _plain(text)
    if _FICTION.search(plain):
        return []
    found: dict[Fact, None] = {}
    for sentence in _SENTENCE.findall(plain):
        if _TASK.search(sentence):
            break
        for _, (subject, attribute, value) in sorted(_read_sentence(sentence), key=lambda item: item[0]):
            if value in text or value in text.translate(_APOSTROPHES):
                found[(subject, attribute, value)] = None
    return list(found)
