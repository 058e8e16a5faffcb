"""Other everyday words for what a memory is about: a pet for a rabbit, a roommate for a flatmate.

Promise: each word given means the same thing, or a wider one that the user could mean by it. Whether it is
free, or something else that was told goes by it too, is decided where it is used.
"""

from __future__ import annotations

from itertools import product

from .kinds import Pair

_SUBJECTS: dict[str, tuple[str, ...]] = {
    "aunt": ("auntie",),
    "baby": ("child",),
    "best friend": ("closest friend", "best mate"),
    "bicycle": ("bike",),
    "bike": ("bicycle",),
    "boat": ("ship",),
    "boss": ("manager", "supervisor"),
    "boyfriend": ("partner", "other half"),
    "brother": ("sibling",),
    "car": ("vehicle",),
    "dad": ("father",),
    "daughter": ("child", "girl", "kid"),
    "father": ("dad",),
    "fiance": ("partner", "other half"),
    "fiancee": ("partner", "other half"),
    "flat": ("apartment", "home"),
    "flatmate": ("roommate", "housemate"),
    "girlfriend": ("partner", "other half"),
    "childminder": ("babysitter", "nanny"),
    "granddaughter": ("grandchild",),
    "grandfather": ("grandpa", "granddad"),
    "grandmother": ("gran", "grandma"),
    "grandson": ("grandchild",),
    "house": ("home",),
    "hens": ("chickens",),
    "husband": ("spouse", "partner", "other half"),
    "laptop": ("computer",),
    "landlady": ("landlord",),
    "manager": ("boss",),
    "mom": ("mother", "mum"),
    "mother": ("mum", "mom"),
    "motorbike": ("motorcycle", "bike"),
    "mum": ("mother", "mom"),
    "partner": ("spouse", "other half"),
    "phone": ("mobile",),
    "rabbit": ("bunny",),
    "roommate": ("flatmate", "housemate"),
    "scooter": ("moped", "bike"),
    "sister": ("sibling",),
    "son": ("child", "boy", "kid"),
    "supervisor": ("boss", "manager"),
    "team lead": ("boss", "manager"),
    "wife": ("spouse", "partner", "other half"),
}
_PETS = (
    "dog",
    "cat",
    "rabbit",
    "hamster",
    "tortoise",
    "turtle",
    "horse",
    "snake",
    "guinea pig",
    "ferret",
    "lizard",
)
_BIRDS = ("parrot", "budgie", "canary", "cockatiel", "parakeet")
_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "allergy": ("food allergy",),
    "birthday": ("date of birth", "birth date"),
    "coffee order": ("usual drink", "favourite drink"),
    "degree subject": ("field of study", "subject", "course"),
    "dream destination": ("dream trip", "dream holiday"),
    "bus line": ("bus", "bus number"),
    "collection": ("thing collected",),
    "employer": ("workplace", "company"),
    "favourite dish": ("favourite food", "favourite meal"),
    "favourite drink": ("usual drink",),
    "favourite food": ("favourite dish", "favourite meal"),
    "fear": ("phobia",),
    "food allergy": ("allergy",),
    "football club": ("favourite team", "team"),
    "hated food": ("disliked food", "least favourite food"),
    "hobby": ("pastime", "free time activity"),
    "home city": ("city", "town", "home"),
    "hometown": ("birthplace",),
    "illness": ("condition", "health problem"),
    "job": ("profession", "occupation", "work"),
    "medication": ("medicine", "tablets"),
    "neighbourhood": ("area", "part of town"),
    "next trip destination": ("trip destination", "holiday destination"),
    "operation": ("surgery",),
    "operation date": ("surgery date",),
    "phobia": ("fear",),
    "previous job": ("former job", "old job"),
    "pupils": ("number of pupils", "class size"),
    "saving goal": ("savings goal",),
    "school subject taught": ("subject taught", "subject"),
    "side job": ("part-time job", "weekend job"),
    "street": ("address", "home street"),
    "team": ("club",),
    "trip date": ("departure date", "travel date"),
    "usual breakfast": ("breakfast",),
    "wake-up time": ("getting-up time", "alarm time"),
}
_WHOLE = frozenset(("best friend", "guinea pig", "sewing machine", "team lead", "house plant"))
"""Subjects of two words that mean another thing by the last one alone."""
_OF_EVENTS = ("date", "location", "destination")


def _subjects(subject: str) -> tuple[str, ...]:
    if subject in _BIRDS:
        return ("bird", "pet")
    of_any = ("pet",) if subject in _PETS else ()
    return (*of_any, *_SUBJECTS.get(subject, ()), *_head(subject))


def _head(subject: str) -> tuple[str, ...]:
    """The noun that words before it only tell apart from others: an exam for a physics exam."""
    before, _, noun = subject.rpartition(" ")
    whole = not before or "'" in subject or subject in _WHOLE or " in " in f" {before} "
    return () if whole else (noun,)


def _turned_round(pair: Pair) -> tuple[Pair, ...]:
    """The date of an exam for the user's exam date, and the other way round."""
    subject, attribute = pair
    if subject != "user":
        of_user = ("user", f"{subject} {attribute}")
        return (of_user,) if attribute in _OF_EVENTS and "'" not in subject else ()
    event, _, what = attribute.rpartition(" ")
    return ((event, what),) if event and what in _OF_EVENTS else ()


def also_called(pair: Pair) -> tuple[Pair, ...]:
    """The pairs that mean the same as `pair` in other words, those that change one word of it first."""
    subject, attribute = pair
    subjects, attributes = _subjects(subject), _ATTRIBUTES.get(attribute, ())
    if subject != "user" and attribute == "home city":
        attributes = ("city",)
    return (
        *((other, attribute) for other in subjects),
        *((subject, other) for other in attributes),
        *product(subjects[:1], attributes[:1]),
        *_turned_round(pair),
    )
