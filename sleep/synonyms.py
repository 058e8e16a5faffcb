"""Other everyday words for what a memory is about: a pet for a rabbit, a roommate for a flatmate.

Promise: each word given means the same thing, or a wider one that the user could mean by it. Whether it is
free, or something else that was told goes by it too, is decided where it is used.
"""

from __future__ import annotations

from itertools import product

from .kinds import Pair

_SUBJECTS: dict[str, tuple[str, ...]] = {
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
    "grandfather": ("grandpa", "granddad"),
    "grandmother": ("gran", "grandma"),
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
    "degree subject": ("field of study", "subject"),
    "dream destination": ("dream trip", "dream holiday"),
    "employer": ("workplace", "company"),
    "favourite dish": ("favourite food", "favourite meal"),
    "favourite drink": ("usual drink",),
    "favourite food": ("favourite dish", "favourite meal"),
    "fear": ("phobia",),
    "food allergy": ("allergy",),
    "football club": ("favourite team", "team"),
    "hobby": ("pastime", "free time activity"),
    "home city": ("city", "town", "home"),
    "hometown": ("birthplace",),
    "illness": ("condition", "health problem"),
    "job": ("profession", "occupation", "work"),
    "medication": ("medicine", "tablets"),
    "neighbourhood": ("area", "part of town"),
    "next trip destination": ("trip destination", "holiday destination"),
    "operation": ("surgery",),
    "phobia": ("fear",),
    "previous job": ("former job", "old job"),
    "team": ("club",),
    "trip date": ("departure date", "travel date"),
}


def _subjects(subject: str) -> tuple[str, ...]:
    if subject in _BIRDS:
        return ("bird", "pet")
    of_any = ("pet",) if subject in _PETS else ()
    return (*of_any, *_SUBJECTS.get(subject, ()))


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
    )
