"""What a past night did, and what the last ones were like: for `night`, `status` and programs.

Promise: reads the journal alone, and works beside the home's owner. Knows nothing of how it is printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast, get_args

from ..memory.errors import BadInput, UnknownRecord
from ..memory.journal import Journal, Memory, Night, Verdict
from ..sleep.records import NightReport, NightStatus


@dataclass(frozen=True)
class NightView:
    """One night: how it ended, and the verdict on every candidate it read in the talk.

    `turns` is how many turns it read (None for a night of an earlier version), `rulings` counts verdicts.
    """

    id: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    adapter: str | None
    turns: int | None
    rulings: Mapping[str, int]
    verdicts: Sequence[Verdict]
    reasons: Sequence[str]
    exam: Mapping[str, Any] | None
    seconds: Mapping[str, float]


def night_view(journal: Journal, id: str | None = None) -> NightView:
    """The night of this id, or the latest. Raises BadInput when there was none, UnknownRecord."""
    nights = journal.nights()
    if not nights:
        raise BadInput("There was no night yet; `dormouse sleep` runs the first one.")
    found = [night for night in nights if night.id == id] if id is not None else nights[-1:]
    if not found:
        raise UnknownRecord("night", id)
    return _view(journal, found[0])


def night_views(journal: Journal) -> list[NightView]:
    """Every night, the first one first."""
    return [_view(journal, night) for night in journal.nights()]


def _view(journal: Journal, night: Night) -> NightView:
    verdicts = journal.verdicts(night.id)
    report = night.report
    return NightView(
        id=night.id,
        state=night.state,
        started_at=night.started_at,
        ended_at=night.ended_at,
        adapter=night.adapter,
        turns=report.get("turns"),
        rulings=dict(Counter(verdict.ruling for verdict in verdicts)),
        verdicts=verdicts,
        reasons=report.get("reasons", []),
        exam=report.get("exam"),
        seconds=report.get("seconds", {}),
    )


def report_of(view: NightView, memories: Sequence[Memory]) -> NightReport | None:
    """What came of a night that has ended, from what is kept of it; None for one that failed, or runs.

    `memories` are every memory there is.
    """
    from ..graphs.night import memory_as_json

    if view.state not in get_args(NightStatus):
        return None
    learnt = [m for m in memories if m.night_id == view.id and m.state in ("admitted", "consolidated")]
    return NightReport(
        status=cast(NightStatus, view.state),
        adapter=view.adapter,
        memories=[memory_as_json(memory) for memory in learnt],
        rejected=[{"text": v.text, "reason": v.reason} for v in view.verdicts if v.ruling != "supported"],
        exam=None if view.exam is None else dict(view.exam),
        seconds=dict(view.seconds),
        train_tokens_per_s=0.0,
        night=view.id,
        reasons=list(view.reasons),
    )


def barren(nights: Sequence[Night], in_a_row: int) -> str | None:
    """The alarm when the last `in_a_row` nights that heard talk admitted nothing of it; None otherwise.

    Nights that heard nothing count neither way.
    """
    heard = [night for night in nights if night.state != "running" and night.report.get("turns", 0) > 0]
    last = heard[-in_a_row:]
    if len(last) < in_a_row or any(night.report.get("admitted", 0) for night in last):
        return None
    turns = sum(night.report["turns"] for night in last)
    return (
        f"The last {in_a_row} nights that heard talk ({turns} turns) admitted nothing of it; "
        f"`dormouse night {last[-1].id}` says why."
    )
