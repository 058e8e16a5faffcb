"""What a daemon says of itself, and what it is worried about. Knows nothing of how it is shown."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psutil

from ..agent import Agent
from ..idle.abc import Reading
from ..settings import DaemonSettings
from .nights import Nights

_FEW_FAILURES = 2
_NIGHTS_LOOKED_AT = 3


@dataclass(frozen=True)
class DaemonStatus:
    """`signals` are the last readings, `why` what was decided by them, `held` what a night stands still for.

    `debt_days` is how long the oldest turn has waited for a night; `resident_mib` is the process's memory.
    """

    pid: int
    since: str
    clients: int
    engine_loaded: bool
    resident_mib: float
    signals: tuple[Reading, ...]
    why: str
    night: Mapping[str, Any] | None
    held: tuple[str, ...]
    debt_days: float
    failures: int
    alarms: tuple[str, ...]


def alarms(agent: Agent, nights: Nights, settings: DaemonSettings) -> tuple[str, ...]:
    """What the user should look after, each a sentence."""
    found = []
    if nights.tries.failures >= _FEW_FAILURES:
        found.append(f"{nights.tries.failures} nights in a row have failed: {nights.tries.reason}")
    ended = [night for night in agent.space.journal.nights() if night.state != "running"][-_NIGHTS_LOOKED_AT:]
    if len(ended) == _NIGHTS_LOOKED_AT and all(night.state == "rejected" for night in ended):
        found.append(f"The last {_NIGHTS_LOOKED_AT} nights ended with an adapter that failed its exam.")
    elif len(ended) == _NIGHTS_LOOKED_AT and not any(night.report.get("memories") for night in ended):
        found.append(f"The last {_NIGHTS_LOOKED_AT} nights found nothing to remember.")
    free_gib = shutil.disk_usage(agent.space.home.path).free / (1 << 30)
    if free_gib < settings.min_free_gib:
        found.append(f"The disk has {free_gib:.1f} GiB left, and {settings.min_free_gib:g} are wanted.")
    debt = nights.debt_days()
    if debt > 2 * agent.spec.sleep.when.debt_days:
        found.append(f"What was said {debt:.0f} days ago still waits for a night ({nights.why}).")
    return tuple(found)


def daemon_status(
    agent: Agent, nights: Nights, readings: tuple[Reading, ...], since: str, clients: int
) -> DaemonStatus:
    """How it is now."""
    night = agent.sleeping
    last = night.last if night is not None else None
    return DaemonStatus(
        pid=os.getpid(),
        since=since,
        clients=clients,
        engine_loaded=agent.space.engine_open,
        resident_mib=round(psutil.Process().memory_info().rss / (1 << 20), 1),
        signals=readings,
        why=nights.why,
        night=None if night is None else {"stage": last.stage, "note": last.note} if last else {},
        held=agent.way.reasons if night is not None else (),
        debt_days=round(nights.debt_days(), 2),
        failures=nights.tries.failures,
        alarms=alarms(agent, nights, agent.spec.daemon),
    )
