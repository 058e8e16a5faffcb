"""The words the rules are made of: kin, pets, names, places, dates, jobs, and what only looks like one.

Promise: each is a piece of a regular expression, to be put between others as it is. Knows English; nothing of
facts or of what is done with a match.
"""

from __future__ import annotations

import re

KIN = (
    r"(?:great-?)?grand(?:mother|father|ma|pa|dad|mum|son|daughter|child)|"
    r"mother|father|mum|mom|mam|dad|nan|parents|"
    r"(?:step|half-?|twin )?(?:sister|brother|mother|father|son|daughter)(?:[- ]in[- ]law)?|"
    r"uncle|aunt|auntie|cousin|"
    r"niece|nephew|wife|husband|partner|girlfriend|boyfriend|fiancée?|"
    r"fiance|ex|godmother|godfather|baby|kid|child|twin"
)
_OTHERS = (
    r"boss|manager|supervisor|colleague|co-?worker|flatmate|roommate|housemate|"
    r"(?:next-door |upstairs |downstairs |desk )?neighbou?r|"
    r"(?:best |old |pen )?friend|pal|mate|buddy|dentist|doctor|gp|vet|therapist|physiotherapist|"
    r"physio|hairdresser|barber|landlord|"
    r"landlady|coach|trainer|(?:\w+ )?teacher|tutor|apprentice|mentor|"
    r"accountant|lawyer|midwife|au pair|client"
)
PETS = (
    r"dog|puppy|cat|kitten|horse|pony|parrot|budgie|hamster|rabbit|guinea "
    r"pig|tortoise|turtle|canary|goldfish|snake|gecko|ferret|goat|"
    r"donkey|dachshund|labrador|terrier|spaniel|poodle|beagle|collie"
)
QUALIFIED = r"(?:(?:late|dear|lovely|beloved|wonderful|good|new|old|auld|little|wee|big|own|dearest) )*"
RANKED = r"(?:(?:older|elder|oldest|eldest|younger|youngest|middle|twin|first|second) )?"
_STOP = (
    r"a|an|the|my|your|his|her|our|their|its|it|he|she|they|we|i|you|this|that|these|those|"
    r"what|who|where|how|when|why|not|no|now|here|there|up|down|in|on|at|to|of|off|so|too|"
    r"very|just|still|always|never|only|also|about|like|called|named|one|fear|hope|peace|"
    r"sin|denial|dread|constant|hell|mud|bed|total|complete|perfect|anybody|nobody|someone|"
    r"something|anything|after|whatever|unknown|missing|gone|wrong|right|fine|ok|okay|back|"
    r"home"
)
STOPPED = rf"(?!(?i:{_STOP})\b)"
NOT_PEOPLE = (
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
RUN = (
    STOPPED
    + _CAPITAL
    + (
        r"(?: (?:(?:de|da|do|del|della|di|du|la|le|van|von|der|den|am|an|"
        r"upon|on|of|the|&) ){0,2}"
    )
    + _CAPITAL
    + r")*"
)
NOT_PLACES = (
    r"(?!(?:Jan|Feb|Mar|Apr|June?|July?|Aug|Sep|Oct|Nov|Dec)\w*\b|\w+day\b|"
    r"Christmas|Easter|Slack|Teams|Zoom|Microsoft|"
    r"Google|Linux|Ubuntu|Debian|Windows|Mac\b|Python|Rust\b|Java|Git|"
    r"Notion|Firefox|Chrome|Hell\b|Plan\b|Narnia|Mordor|"
    r"Hogwarts|Tier\b|Team\b|Level\b|Chapter\b|Page\b|Row\b|Seat\b|Room\b)"
)
NO_DISTRICT = (
    r"(?![\w'&-]| [A-Z]|,? (?i:neighbou?rhood|district|area|quarter|"
    r"street|road|house|houses|times|mode|conditions|style)\b)"
)
END = (
    r"(?=\s*(?:[.,;:!?)(\u2013\u2014\n](?!\d)|$|\b(?:and|but|so|because|"
    r"since|who|which|now|by the way|btw|too|then|as|with|at|in|"
    r"on|for|from)\b))"
)
CLAUSE_END = (
    r"(?=\s*(?:[.,;:!)(\u2013\u2014\n](?!\d)|$|\b(?:now|these days|nowadays|"
    r"lately|at the moment|and(?! (?!I\b)[A-Z])|but|so|because|"
    r"since|though|although|btw|by the way)\b))"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|"
    r"July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
DATE = (
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
COUNT = (
    rf"(?i:\d{{1,3}}|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|"
    rf"ninety)(?:[- ](?:{_UNITS}))?|{_UNITS}|ten|eleven|twelve|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teen)"
)
INSTRUMENT = (
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
JOB_ENDINGS = (
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
NOT_A_JOB = (
    r"(?!(?i:\w*\b(?:bit|kind|sort|big|huge|real|terrible|bad|good|great|"
    r"better|decent|lousy|awful|slow|fast|nervous|former|"
    r"retired|failed|amateur|hobby|would-be|wannabe|budding|aspiring|"
    r"keen|passionate|trainee|worse|lapsed|born|"
    r"home|safe|careful|backseat|armchair)\b))"
)
JOKES = (
    r"(?!(?i:mornings?|mondays?|work|working|effort|stupidity|people|"
    r"exercise|bullshit|nonsense|it|that|this|them|those|these|"
    r"him|her|small talk|commitment|fun|meetings|everything|nothing|"
    r"something|all|almost|money|you|bad|my|the idea)\b)"
)
FAVOURITE_OF_NOW = (
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
    "sport": "sport",
    "personal best": "personal best",
    "retirement plan": "retirement plan",
    "dream job": "dream job",
    "first job": "first job",
    "lucky charm": "lucky charm",
}
ONLY_OF_THINGS = "breed|colou?r|model|make|brand|number plate"
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
    "pal": "friend",
    "mate": "friend",
    "buddy": "friend",
    "roommate": "flatmate",
    "housemate": "flatmate",
}
LISTED = r"(?i:" + "|".join(sorted(_OWN, key=len, reverse=True)) + ")"

# --- What a statement begins with, whom it is about, and what it says --------------------

LEAD = (
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
PERSON = (
    rf"(?:(?P<me>(?i:I|we)\b)|(?i:my|our) {QUALIFIED}(?P<whose>{RANKED}(?i:{KIN}|"
    rf"{_OTHERS}|{PETS}))"
    rf"(?:,? (?P<called>{NOT_PEOPLE}{RUN}),?)?)"
)
BE_ME = (
    r"(?:(?P<me>(?i:I'?m|I am)\b)|(?i:my|our) "
    + QUALIFIED
    + (
        rf"(?P<whose>{RANKED}(?i:{KIN}|{_OTHERS}|{PETS}))(?:,? (?P<called>{NOT_PEOPLE}{RUN})"
        rf",?)?(?: (?i:is)|'s))"
    )
)
THING = r"(?P<thing>(?!(?i:name|favou?rite)\b)[\w-]+(?:'s [\w-]+)?(?: [\w-]+){0,2}?)"
RELATION = rf"{RANKED}(?i:{KIN}|{_OTHERS}|{PETS})"
LOW = rf"{STOPPED}[a-zà-öø-ÿ][\w'-]+{CLAUSE_END}"
NAME = rf"(?P<value>{RUN}|{LOW})"
PLACE = rf"(?P<value>(?:(?i:the) (?=[A-Z]))?{NOT_PLACES}{RUN})"
PHRASE = (
    r"(?P<value>(?!(?i:not|about|no|now|when|that|how|what|why|where|if|to|"
    r"it|still|also|always|so|too|very|just|there|here|this|"
    r"these|those|something|nothing|anything|everything|probably|definitely|"
    r"gone|broken|changed|full|over|coming|getting|my|your|on its|"
    r"unknown|a secret|none|one)\b)[\w'&.-]*\w(?: (?!(?:and|but|so|because|"
    r"since|though|although|when|"
    r"which|who|btw|by the way|now|these days|nowadays|lately|at the moment|if)\b)"
    r"[\w'&-]+){0,4})"
)
WORD = r"(?!(?:and|but|at|in|for|with|on|from|so|now|because|well|usual)\b)[\w-]+"


def attribute_of(words: str) -> str:
    """The attribute's own word: "mother tongue" is a native language."""
    lowered = " ".join(words.casefold().split()).replace("favorite", "favourite").replace("color", "colour")
    return _OWN.get(lowered, lowered)


def noun_of(words: str) -> str:
    """The plain noun: without the adjectives that only praise or place it."""
    noun = re.sub(rf"^{QUALIFIED}", "", " ".join(words.casefold().split()))
    return _PLAINER.get(noun, noun)


def is_pet(noun: str) -> bool:
    """Whether the noun is one of the animals that the rules know."""
    return bool(re.fullmatch(PETS, noun))


def is_somebody(noun: str) -> bool:
    """Whether the noun is for one of the people or animals that the rules know."""
    return bool(re.fullmatch(RELATION, noun))
