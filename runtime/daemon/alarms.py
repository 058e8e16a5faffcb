"""What a daemon is worried about, and what of it is news. Knows nothing of where it is shown."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...memory.durable import storage_faults
from ...memory.errors import DormouseError
from ..agent import Agent
from ..nights import barren
from .nights import Nights

_FEW_FAILURES = 2
_FEW_REJECTED = 3
_GONE_LOOKS = 10  # in a row that do not find it: what comes and goes around a limit is one alarm


@dataclass(frozen=True, slots=True)
class Alarm:
    """A sentence, and its kind, which stays the same while what the sentence says of the moment changes."""

    kind: str
    text: str


def alarms(agent: Agent, nights: Nights, fault: str) -> tuple[Alarm, ...]:
    """What the user should look after; that the home cannot be read is one more.

    `fault` says what could not be written when it was last tried, "" when all could.
    """
    found: list[Alarm] = []
    try:
        with storage_faults(agent.space.home.path):
            for alarm in _worries(agent, nights, fault):
                found.append(alarm)
    except DormouseError as error:
        found.append(Alarm("home", str(error)))
    return tuple(found)


def _worries(agent: Agent, nights: Nights, fault: str) -> Iterator[Alarm]:
    settings, journal = agent.spec.daemon, agent.space.journal
    free_gib = shutil.disk_usage(agent.space.home.path).free / (1 << 30)
    if free_gib < settings.min_free_gib:
        text = f"The disk has {free_gib:.1f} GiB left, and {settings.min_free_gib:g} are wanted."
        yield Alarm("disk", text)
    elif fault:
        yield Alarm("disk", fault)
    if nights.tries.failures >= _FEW_FAILURES:
        text = f"{nights.tries.failures} nights in a row have failed: {nights.tries.reason}"
        yield Alarm("failed nights", text)
    past = journal.nights()
    ended = [night for night in past if night.state != "running"][-_FEW_REJECTED:]
    if len(ended) == _FEW_REJECTED and all(night.state == "rejected" for night in ended):
        text = f"The last {_FEW_REJECTED} nights ended with an adapter that failed its exam."
        yield Alarm("rejected nights", text)
    if (nothing := barren(past, agent.spec.sleep.filter.alarm_nights)) is not None:
        yield Alarm("barren nights", nothing)
    debt = nights.debt_days()
    if debt > 2 * agent.spec.sleep.when.debt_days:
        text = f"What was said {debt:.0f} days ago still waits for a night ({nights.why})."
        yield Alarm("debt", text)


class News:
    """Which alarms are new. One is news when it begins, and again only after it was gone."""

    def __init__(self) -> None:
        self._looks_since: dict[str, int] = {}  # of each kind that was told, until it is gone

    def of(self, alarms: Iterable[Alarm]) -> list[Alarm]:
        """Those of this look that are to be told."""
        now = {alarm.kind: alarm for alarm in alarms}
        new = [alarm for kind, alarm in now.items() if kind not in self._looks_since]
        fading = {kind: looks + 1 for kind, looks in self._looks_since.items() if looks + 1 < _GONE_LOOKS}
        self._looks_since = fading | dict.fromkeys(now, 0)
        return new
