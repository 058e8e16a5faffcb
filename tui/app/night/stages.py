"""The stages of a night with their progress: of the one that is slept, else of one that was.

Knows how a stage is drawn; nothing of what it does.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content
from textual.widgets import Static

from .. import clock
from ..night_log import STAGES, NightLog, StageLog

_BAR = 10


class Stages(Static):
    """One line a stage."""

    DEFAULT_CSS = "Stages { height: auto; padding: 0 1; }"

    def live(self, log: NightLog) -> None:
        """The night that is slept, or has just been."""
        now = clock.elapsed()
        names = [*STAGES, *(name for name in log.stages if name not in STAGES)]
        rows = [
            _row(name, log.stages.get(name), now, log.current)
            for name in names
            if name in log.stages or name != "dream"
        ]
        self.update(Content("\n").join(rows))

    def past(self, seconds: Mapping[str, float]) -> None:
        """A night that was: how long each stage took."""
        whole = sum(seconds.values()) or 1.0
        rows = [
            Content.assemble(
                ("✓ ", "$text-success"),
                f"{name:<12}",
                (_bar(taken / whole), "$secondary"),
                f"{taken:>7.1f} s",
            )
            for name, taken in seconds.items()
        ]
        self.update(
            Content("\n").join(rows) if rows else Content.styled("No night yet.", "$foreground-muted")
        )


def _bar(share: float) -> str:
    full = round(min(1.0, share) * _BAR)
    return "█" * full + "░" * (_BAR - full)


def _row(name: str, stage: StageLog | None, now: float, current: StageLog | None) -> Content:
    words = STAGES.get(name, "")
    if stage is None:
        return Content.styled(f"· {name:<12}{words}", "$foreground-muted")
    if stage is not current:
        return Content.assemble(("✓ ", "$text-success"), f"{name:<12}", f"{stage.seconds(now):>6.1f} s")
    note = stage.note or words
    return Content.assemble(
        ("▸ ", "$primary bold"),
        (f"{name:<12}", "bold"),
        (_bar(stage.share), "$primary"),
        f"{stage.seconds(now):>6.0f} s\n    ",
        (note, "$foreground-muted"),
    )
