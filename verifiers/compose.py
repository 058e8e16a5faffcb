"""Verifiers put together: `all`, `any`, `first`.

Promise: what is unsure stays unsure: `all` passes when each does, `any` when one does, `first` is the
first that is sure. Evidence names who said it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .abc import Claim, Key, Outcome, Verdict, Verifier


class Composed(Verifier):
    """Judges by its `parts`, in their order, as far as needed."""

    def __init__(self, parts: Sequence[Verifier]) -> None:
        if not parts:
            raise ValueError(f"{self.name} needs at least one verifier")
        self.parts = tuple(parts)
        self.keys: Mapping[str, Key] = _joined(part.keys for part in parts)  # type: ignore[misc]

    def judge(self, claim: Claim) -> Verdict:
        found: list[tuple[str, Verdict]] = []
        for part in self.parts:
            found.append((part.name, part.judge(claim)))
            if self.settled(found[-1][1].outcome):
                break
        outcome, decisive = self.outcome([verdict.outcome for _, verdict in found])
        said = "; ".join(_evidence(found, decisive))
        return Verdict(
            outcome,
            said,
            sum(verdict.seconds for _, verdict in found),
            sum(verdict.cpu_s for _, verdict in found),
            sum(verdict.tokens for _, verdict in found),
        )

    def close(self) -> None:
        for part in self.parts:
            part.close()

    @abstractmethod
    def settled(self, outcome: Outcome) -> bool:
        """Whether the others need not be asked."""

    @abstractmethod
    def outcome(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, Outcome]:
        """The outcome, and which parts' outcome shows it."""


class All(Composed):
    """Passes when each part does; fails when one fails."""

    name = "all"

    def settled(self, outcome: Outcome) -> bool:
        return outcome == "failed"

    def outcome(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, Outcome]:
        worst: Outcome = next((o for o in ("failed", "unsure") if o in outcomes), "passed")
        return worst, worst


class AnyOf(Composed):
    """Passes when one part does; fails when each fails."""

    name = "any"

    def settled(self, outcome: Outcome) -> bool:
        return outcome == "passed"

    def outcome(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, Outcome]:
        best: Outcome = next((o for o in ("passed", "unsure") if o in outcomes), "failed")
        return best, best


class First(Composed):
    """What the first part says that is sure; unsure when none is."""

    name = "first"

    def settled(self, outcome: Outcome) -> bool:
        return outcome != "unsure"

    def outcome(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, Outcome]:
        return outcomes[-1], outcomes[-1]


KINDS: dict[str, type[Composed]] = {kind.name: kind for kind in (All, AnyOf, First)}


def _evidence(found: Sequence[tuple[str, Verdict]], decisive: Outcome) -> Iterator[str]:
    for name, verdict in found:
        if verdict.outcome == decisive:
            yield f"{name}: {verdict.evidence}"


def _joined(given: Iterable[Mapping[str, Key]]) -> dict[str, Key]:
    """What any of the parts reads; needed if all need it."""
    maps = list(given)
    found: dict[str, Key] = {}
    for keys in maps:
        for name, key in keys.items():
            needed = all(name in other and other[name].needed for other in maps)
            found[name] = Key(key.kind, needed)
    return found
