"""Verifiers as a spec declares them: a name, a name with settings, or `all`, `any`, `first` of such.

Promise: what `fault` finds nothing wrong with, `built` builds, given the models it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from .abc import Means, Verifier
from .compose import KINDS
from .errors import UnknownVerifier
from .registry import kind

_DEEPEST = 8
MEMORY_KEYS = {"answer", "source", "subject", "value"}
"""What a night's filter hands to a verifier: the value as the answer, the quoted words as the source."""
# What these need beside their keys, and a memory has not: something to expect, an answer to a question,
# words to decline with.
_WITHOUT_KEYS = {name: {"expect"} for name in ("match", "arithmetic", "ensemble", "abstention")}


def fault(declared: Any, depth: int = 0) -> str | None:
    """What is wrong with one declared verifier, as a clause; None when nothing is."""
    if isinstance(declared, str):
        return _named_fault(declared, {})
    if not isinstance(declared, dict) or len(declared) != 1:
        return "must be a name, a name with its settings, or all, any or first with a list of verifiers"
    (name, inner), *_ = declared.items()
    if name not in KINDS:
        return _named_fault(name, inner or {})
    if depth >= _DEEPEST:
        return f"nests more than {_DEEPEST} deep"
    if not isinstance(inner, list | tuple) or not inner:
        return f"{name} takes a list of verifiers that is not empty"
    return next((found for part in inner if (found := fault(part, depth + 1))), None)


def built(declared: Any, means: Means) -> Verifier:
    """The verifier. Raises NoModel and UnusableCheck."""
    name, inner = (declared, {}) if isinstance(declared, str) else next(iter(declared.items()))
    if name in KINDS:
        return KINDS[name]([built(part, means) for part in inner])
    found = kind(name)
    return found.build(found.Options.model_validate(inner or {}), means)


def for_memories(declared: Sequence[Any], means: Means) -> tuple[Verifier, ...]:
    """Of these, the verifiers that can judge a memory by the words it quotes; the others are for answers."""
    found = (built(one, means) for one in declared if not _needs(one) - MEMORY_KEYS)
    return tuple(found)


def _needs(declared: Any) -> set[str]:
    name, inner = (declared, ()) if isinstance(declared, str) else next(iter(declared.items()))
    if name in KINDS:
        return set().union(*(_needs(part) for part in inner))
    return {key for key, spec in kind(name).keys.items() if spec.needed} | _WITHOUT_KEYS.get(name, set())


def options(declared: Sequence[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every name among `declared`, however deep, with its settings."""
    for one in declared:
        name, inner = (one, {}) if isinstance(one, str) else next(iter(one.items()))
        if name in KINDS:
            yield from options(inner)
        else:
            yield name, inner or {}


def _named_fault(name: str, settings: Any) -> str | None:
    try:
        found = kind(name)
    except UnknownVerifier as error:
        return f"names what is not there: {error.reason}"
    try:
        found.Options.model_validate(settings)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(map(str, (name, *detail["loc"])))
        return f"has a fault at {place}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    return None
