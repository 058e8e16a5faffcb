"""The phrases that rules about people's lives are made of: how often, how soon, what is played, owned, worn.

Promise: each is a piece of a regular expression, to be put between others as it is. Knows English; nothing of
facts or of what is done with a match.
"""

from __future__ import annotations

from .rule_words import DATE, NOT_PEOPLE, PETS, PLACE, RUN


def no_word_of(words: str) -> str:
    """No word of these stands here."""
    return rf"(?!(?i:{words})\b)"


def phrase(more: int, ends: str) -> str:
    """A word and at most so many more, none of which is one of those that end it."""
    return rf"[a-zà-öø-ÿ][\w'-]*(?: (?!(?:{ends})\b)[\w'-]+){{0,{more}}}?"


def ending_before(words: str) -> str:
    """A clause ends here, or goes on with one of the words."""
    return rf"(?=\s*(?:[.,;!)(\u2013\u2014\n](?!\d)|$|\b(?:{words})\b))"


GOES_ON = (
    "and|but|so|because|since|at|in|on|with|for|from|to|of|as|this|now|these|who|which|that|or|when|while|"
    "until|lately|again|too|by|through|over|every|after|before|next|near|called"
)
MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?"
SEASON = "spring|summer|autumn|winter"
OFTEN = (
    rf"(?i:(?:(?:every|each|on|most) (?:{DAY}|day|week|weekend|morning|evening|night)"
    r"(?: (?:morning|afternoon|evening|night)s?)?|(?:on|at)(?: the)? weekends?|at night|"
    r"in (?:the|my) (?:mornings?|afternoons?|evenings?|(?:spare|free) time)|after (?:work|school)),? )?"
)
SOON = (
    rf"(?i:in (?:{MONTH})|(?:next|this) (?:year|month|week|{SEASON}|{MONTH})|on {DATE}|"
    r"in (?:a|two|three|four|\d+) (?:weeks?|months?))"
)
ADVERB = r"(?i:(?:still|also|now|usually|always|only|normally|mostly|currently|sometimes|often|just) )?"
ME = rf"(?i:I) {ADVERB}"
WE = rf"(?i:I|we) {ADVERB}"
I_AM = r"(?i:I'?m|I am) "
ARE_OFF = (
    r"(?i:(?:I(?:'m| am| will be|'ll be)|we(?:'re| are| will be|'ll be)) (?:going|travelling|"
    rf"traveling|flying|off) to) {PLACE}"
)
SPORT = (
    r"(?i:(?:american |gaelic |ice |field |roller |water |beach |table |wheelchair )?(?:football|"
    r"handball|polo|basketball|netball|korfball|volleyball|rugby|tennis|badminton|squash|hockey|cricket|"
    r"baseball|softball|golf|lacrosse|hurling|camogie|shinty|floorball|futsal|padel|pickleball|"
    r"petanque|boules|snooker|darts))\b"
)
NO_INSTRUMENT = no_word_of(
    r"lottery|lotto|market|stock|fields?|game|part|role|fool|victim|long|same|odds|blues|hero|heroine|"
    r"villain|cards?|numbers?|horses|radio|music|songs?|tune|clown|waiting|blame|lead|main|bad|good|next|"
    r"first|second|last|national|whole|other|one|old|new|piece|records?|tapes?|video|league|teams?|slots?|"
    r"pools?|devil|sport|instrument|innocent|martyr|crowd|ball|match|demo|recording"
)
CLOCK = (
    r"(?P<value>(?i:\d{1,2}(?:[:.]\d\d)?(?: ?[ap]\.?m\b)?|(?:(?:half|(?:a )?quarter|five|ten|twenty)"
    r"(?: past| to)? )?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)(?: o'clock)?|noon|"
    r"midnight)(?![\w:]))(?! (?i:today|tomorrow|yesterday|tonight|this|last))"
)
STREET = (
    rf"(?:Calle|Rua|Rue|Via|Avenida|Avenue|Paseo|Ulica|Ulitsa|Strada|Jalan|Carrer|Boulevard) {RUN}|"
    r"(?:[A-ZÀ-ÖØ-Þ][\w'-]+ ){1,3}(?i:street|road|lane|avenue|close|square|terrace|crescent|row|alley|quay|"
    r"boulevard|parade|grove|mews)\b"
)
COLOUR = (
    r"(?:(?:dark|light|bright|pale|deep) )?(?:red|blue|green|yellow|orange|purple|violet|lilac|pink|brown|"
    r"black|white|grey|gray|beige|turquoise|silver|golden|cream|burgundy|maroon|mustard|olive|navy)"
)
SHADE = r"(?:old|new|little|big|battered|rusty|tiny|ancient|second-hand|used|\d{4}|" + COLOUR + ")"
WHEELS = r"motorbike|motorcycle|scooter|moped|bike"
TITLE = (
    r"(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.? |(?:Madam|Madame|Monsieur|Sir|Señor|Señora|Professor|Herr|Frau|"
    r"Pan|Pani|Puan|Encik|Auntie|Uncle|Father|Sister) "
)
BODY = (
    r"(?:(?:left|right|lower|upper) )?(?:knee|hip|shoulder|elbow|wrist|ankle|hand|foot|back|eyes?|heart|"
    r"thumb|appendix|gallbladder|nose|ear)"
)
ROLE = (
    r"(?:[\w-]+ ){0,2}?(?i:supervisor|teacher|tutor|coach|boss|manager|surgeon|conductor|principal|"
    r"head ?(?:master|mistress|teacher)|captain|advis[oe]r|professor|specialist|cardiologist|nurse|"
    r"priest|pastor|imam|rabbi|instructor|trainer|director|foreman|landlord|landlady|lodger|"
    r"tenant|cleaner|gardener)"
)
TITLED = rf"(?P<value>(?:{TITLE})?{NOT_PEOPLE}{RUN})"
ANIMAL = (
    rf"{PETS}|goat|sheep|cow|pig|hen|duck|mule|camel|llama|alpaca|parakeet|cockatiel|iguana|lizard|"
    r"hedgehog"
)
NO_PROGRAM = no_word_of(
    "Python|Rust|Java|JavaScript|TypeScript|SQL|Excel|Photoshop|Git|Linux|React|Docker|Go"
)
WHO_DOES = r"keeper|maker|wright|smith|monger|ologist|ographer|ician|tender|herd"
