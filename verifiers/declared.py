"""Verifiers as a spec declares them: a name, a name with settings, or `all`, `any`, `first` of such.

Its settings are the verifier's own `Options` and what it reads (`keys`), such as `match: {forbid: [...]}`:
what is declared of these stands for every claim that does not say otherwise itself.

Promise: what `fault` finds nothing wrong with, `built` builds, given the models it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from .abc import Claim, Key, Means, Verdict, Verifier, strings
from .compose import KINDS
from .errors import UnknownVerifier
from .lines import shown, value_of
from .registry import kind

_DEEPEST = 8
MEMORY_KEYS = {"answer", "source", "subject", "value"}
"""What a night's filter hands to a verifier: the value as the answer, the quoted words as the source."""
_CLAIMS_OWN = {*MEMORY_KEYS, "code"}
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
    own, given = _parted(found, inner or {})
    verifier = found.build(found.Options.model_validate(own), means)
    return Given(verifier, given) if given else verifier


class Given(Verifier):
    """A verifier to which some of what it reads was given when it was declared."""

    def __init__(self, verifier: Verifier, given: Mapping[str, Any]) -> None:
        self.name = verifier.name
        mine = {key: Key(spec.kind) if key in given else spec for key, spec in verifier.keys.items()}
        self.keys: Mapping[str, Key] = mine  # type: ignore[misc]
        self._verifier, self._given = verifier, given

    def judge(self, claim: Claim) -> Verdict:
        fields = {key: value for key, value in self._given.items() if key != "forbid"}
        whole = replace(
            claim,
            expect=claim.expect or strings(self._given.get("expect")),
            forbid=claim.forbid or strings(self._given.get("forbid")),
            fields={**fields, **claim.fields},
        )
        return self._verifier.judge(whole)

    def close(self) -> None:
        self._verifier.close()


def for_memories(declared: Sequence[Any], means: Means) -> tuple[Verifier, ...]:
    """Of these, the verifiers that can judge a memory by the words it quotes; the others are for answers."""
    found = (built(one, means) for one in declared if not _needs(one) - MEMORY_KEYS)
    return tuple(found)


def close_all(verifiers: Iterable[Verifier]) -> None:
    """Has them let go of what they hold."""
    for verifier in verifiers:
        verifier.close()


def beside(declared: Any, folder: Path) -> Any:
    """What is declared, with the paths in it counted from `folder`."""
    if isinstance(declared, str):
        return declared
    (name, inner), *_ = declared.items()
    if name in KINDS:
        return {name: [beside(part, folder) for part in inner]}
    return {
        name: inner
        and {
            key: _beside(value, folder) if key in kind(name).paths else value for key, value in inner.items()
        }
    }


def _beside(named: Any, folder: Path) -> Any:
    """A path or a model's name, or several."""
    if isinstance(named, list | tuple):
        return [_beside(each, folder) for each in named]
    if named == "embedded" or "://" in named:
        return named
    return str(Path(folder, Path(named).expanduser()))


def _needs(declared: Any) -> set[str]:
    name, inner = (declared, {}) if isinstance(declared, str) else next(iter(declared.items()))
    if name in KINDS:
        return set().union(*(_needs(part) for part in inner))
    given = _parted(kind(name), inner or {})[1]
    needed = {key for key, spec in kind(name).keys.items() if spec.needed and key not in given}
    return needed if {"expect", "forbid"} & given.keys() else needed | _WITHOUT_KEYS.get(name, set())


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
    if not isinstance(settings, dict):
        return f"has a fault at {name}: its settings must be a mapping, and they are {shown(settings)}"
    own, given = _parted(found, settings)
    known = [*found.Options.model_fields, *_givable(found)]
    if unknown := [key for key in own if key not in found.Options.model_fields]:
        there = f"the settings there are {', '.join(known)}" if known else f"{name} has none"
        return f"has a fault at {name}.{unknown[0]}: it is not a known setting; {there}"
    try:
        found.Options.model_validate(own)
        for key in given:
            value_of(given, key, found.keys[key])
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(map(str, (name, *detail["loc"])))
        return f"has a fault at {place}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    except ValueError as error:
        return f"has a fault at {name}: {error}"
    wrong = found.fault(given) if given else None
    return wrong and f"has a fault at {name}: {wrong}"


def _parted(found: type[Verifier], settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that are the verifier's own options, and those that it reads."""
    given = {key: value for key, value in settings.items() if key in _givable(found)}
    return {key: value for key, value in settings.items() if key not in given}, given


def _givable(found: type[Verifier]) -> list[str]:
    """What it reads that is not the claim itself."""
    return [key for key in found.keys if key not in _CLAIMS_OWN and key not in found.Options.model_fields]
