"""What has been told of the night being slept: kept from its beginning, for plots and for the bar.

Promise: any order of stages is taken, and one that nobody knew is shown too. Knows progress records; nothing
of where they come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import clock

if TYPE_CHECKING:
    from ...sleep.records import NightReport, Progress

STAGES = {
    "harvest": "gathers what was said",
    "compact": "writes memories from it",
    "dream": "tries out what was left open",
    "filter": "admits what holds",
    "replay": "puts old and new together",
    "consolidate": "trains the adapter",
    "export": "writes it down",
    "exam": "asks what it learnt",
    "publish": "lets it serve",
    "reload": "mounts it",
    "close": "ends the night",
}
"""What a stage does, in the order they come."""


@dataclass
class StageLog:
    """How far one stage is, and how long it has taken."""

    name: str
    began: float
    done: float = 0.0
    total: float = 1.0
    note: str = ""
    ended: float | None = None

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 1.0

    def seconds(self, now: float) -> float:
        return (self.ended if self.ended is not None else now) - self.began


@dataclass
class NightLog:
    """One night. `outcome` is how it ended, a sentence; None while it runs."""

    running: bool = False
    stages: dict[str, StageLog] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    outcome: str | None = None
    report: NightReport | None = None

    def told(self, progress: Progress) -> None:
        """Take in one record."""
        self.running, now = True, clock.elapsed()
        stage = self.stages.get(progress.stage)
        if stage is None:
            for earlier in self.stages.values():
                earlier.ended = earlier.ended or now
            stage = self.stages[progress.stage] = StageLog(progress.stage, now)
        stage.done, stage.total, stage.note = progress.done, progress.total, progress.note
        if progress.loss is not None:
            self.losses.append(progress.loss)
        if progress.tokens_per_s is not None:
            self.speeds.append(progress.tokens_per_s)

    def over(self, report: NightReport | None, failure: str | None = None) -> None:
        """It has ended: with a report, or with a sentence that says why not."""
        self.running, self.report = False, report
        now = clock.elapsed()
        for stage in self.stages.values():
            stage.ended = stage.ended or now
        self.outcome = failure if report is None else in_words(report)

    @property
    def current(self) -> StageLog | None:
        """The stage it is in."""
        return list(self.stages.values())[-1] if self.running and self.stages else None


def in_words(report: NightReport) -> str:
    """How a night ended, in a sentence."""
    count = len(report.memories)
    learnt = "one memory" if count == 1 else f"{count} memories"
    if report.status == "published":
        return f"The night is over: {learnt} learnt, and adapter {(report.adapter or '')[:10]} answers now."
    if report.status == "rejected":
        why = "; ".join(report.reasons) or "it failed its exam"
        return f"The night is over: the new adapter was not published ({why})."
    return "The night is over: there was nothing new to learn."
