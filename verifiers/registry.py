"""All verifiers by name: those that come with Dormouse, and those of other packages (entry points of the
group `dormouse.verifiers`).

Promise: a verifier's module is imported when it is asked for, and not before. A name of Dormouse's own is
never another package's.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from .abc import Verifier
from .errors import UnknownVerifier

GROUP = "dormouse.verifiers"
BUILT_IN = {
    "abstention": "Abstention",
    "affirmed": "Affirmed",
    "arithmetic": "Arithmetic",
    "critic": "Critic",
    "ensemble": "Ensemble",
    "fiction": "Fiction",
    "lean": "Lean",
    "match": "Match",
    "python": "Python",
    "schema": "Schema",
    "simulator": "Simulator",
    "sql": "Sql",
    "support": "Support",
    "tests": "GivenTests",
}
"""Name of the verifier and of its file -> its class. pyproject.toml lists them as entry points too."""


def names() -> list[str]:
    """The names of all verifiers there are, sorted."""
    return sorted({*BUILT_IN, *_others()})


def kind(name: str) -> type[Verifier]:
    """The class of the verifier called `name`. Raises UnknownVerifier."""
    if name in BUILT_IN:
        found = getattr(import_module(f".{name}", __package__), BUILT_IN[name])
    elif name in _others():
        found = _others()[name].load()
    else:
        raise UnknownVerifier(name, names())
    if not (isinstance(found, type) and issubclass(found, Verifier)):
        raise UnknownVerifier(name, names())
    return found


@cache
def _others() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in BUILT_IN}
