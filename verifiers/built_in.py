"""The verifiers that come with Dormouse and judge what a night would remember, by name."""

from __future__ import annotations

from collections.abc import Iterable

from .abc import Verifier
from .affirmed import Affirmed
from .fiction import Fiction
from .support import Support

BY_NAME: dict[str, type[Verifier]] = {verifier.name: verifier for verifier in (Support, Fiction, Affirmed)}


def named(names: Iterable[str]) -> tuple[Verifier, ...]:
    """The verifiers of these names, in order."""
    return tuple(BY_NAME[name]() for name in names)
