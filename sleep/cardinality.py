"""How many values a thing may have at a time: one home city, several allergies.

Promise: what is in neither list is left open. Takes subjects and attributes in the spelling that memories are
compared in; pure.
"""

from __future__ import annotations

import re

_ONE = {
    "age",
    "birthday",
    "birthplace",
    "blood type",
    "city",
    "diet",
    "employer",
    "eye colour",
    "hair colour",
    "handedness",
    "height",
    "home city",
    "home country",
    "home region",
    "hometown",
    "house number",
    "job",
    "job title",
    "marital status",
    "neighbourhood",
    "relationship status",
    "shoe size",
    "star sign",
    "street",
    "surname",
    "wedding anniversary",
    "weight",
    "work city",
}
_ONE_OF_A_KIND = re.compile(r"(favourite|next|number of|years) .+|.+ (date|size|time|year)")
_NAMED_ONCE = {
    "boyfriend",
    "fiance",
    "fiancee",
    "father",
    "father-in-law",
    "girlfriend",
    "husband",
    "mother",
    "mother-in-law",
    "partner",
    "spouse",
    "user",
    "wife",
}
_THE_ONLY = re.compile(r"(best|elder|eldest|older|oldest|younger|youngest) .+")
_SEVERAL = {
    "allergy",
    "certification",
    "collection",
    "craft",
    "hated food",
    "hobby",
    "illness",
    "injury",
    "instrument",
    "intolerance",
    "language",
    "language being learned",
    "languages spoken",
    "medication",
    "old injury",
    "operation",
    "phobia",
    "previous city",
    "previous employer",
    "previous job",
    "side job",
    "sport",
    "tattoo",
    "volunteer work",
}
_MANY_BEAR_THE_WORD = {
    "aunt",
    "brother",
    "child",
    "colleague",
    "cousin",
    "daughter",
    "friend",
    "grandchild",
    "granddaughter",
    "grandson",
    "nephew",
    "niece",
    "sister",
    "son",
    "uncle",
}
"""Of these one name does not rule out another."""


def has_one(subject: str, attribute: str) -> bool:
    """Whether a later value makes an earlier one untrue."""
    if attribute == "name":
        return subject in _NAMED_ONCE or bool(_THE_ONLY.fullmatch(subject))
    return attribute in _ONE or bool(_ONE_OF_A_KIND.fullmatch(attribute))


def may_have_several(subject: str, attribute: str) -> bool:
    """Whether a later value leaves an earlier one true."""
    return attribute in _SEVERAL or (attribute == "name" and subject in _MANY_BEAR_THE_WORD)
