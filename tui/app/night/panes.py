"""What is known of a night that was: the filter's verdicts, the exam, and how nights followed each other.

Promise: no figure is shown that the journal does not hold. Knows how they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from .plot import Plot

if TYPE_CHECKING:
    from ....memory.records import Verdict
    from ....runtime.nights import NightView

_RULINGS = {
    "supported": ("✓", "$text-success"),
    "duplicate": ("=", "$foreground-muted"),
    "contradicted": ("≠", "$text-warning"),
    "tainted": ("!", "$text-warning"),
    "secret": ("⊘", "$text-error"),
    "forgotten": ("∅", "$foreground-muted"),
    "unverified": ("?", "$text-warning"),
}
_STATES = {
    "published": ("✓", "$text-success"),
    "rejected": ("✗", "$text-error"),
    "failed": ("✗", "$text-error"),
    "nothing-new": ("·", "$foreground-muted"),
    "running": ("▸", "$primary"),
}
_KINDS = {
    "new": "what it was told last",
    "old": "what it knew before",
    "untrue": "what you said is not so any more",
    "unknown": "what it was never told",
    "skill": "what the base could do",
}
_BAR = 16


def share(night: NightView, kind: str) -> float | None:
    """The share of one kind of question that was passed; None where none was asked."""
    counts = (night.exam or {}).get(kind)
    return counts["passed"] / counts["n"] if counts and counts["n"] else None


class Verdicts(Vertical):
    """The filter's verdict on every candidate; shown again, they stay where they were scrolled to."""

    DEFAULT_CSS = """
    Verdicts > Static { height: 1; padding: 0 1; }
    Verdicts > OptionList { height: 1fr; background: transparent; margin: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[str, str, Sequence[Verdict]] | None = None

    def compose(self) -> ComposeResult:
        yield Static()
        yield OptionList(id="verdicts", compact=True)

    def show(self, night: NightView | None) -> None:
        found = (night.id, night.state, night.verdicts) if night else ("", "", ())
        if found == self._shown:
            return
        self._shown = found
        counts = ", ".join(f"{count} {ruling}" for ruling, count in (night.rulings if night else {}).items())
        title = Content.assemble(("Verdicts  ", "bold"), (counts, "$foreground-muted"))
        self.query_one(Static).update(title)
        rows = [Option(_verdict(one)) for one in (night.verdicts if night else ())]
        none = "No candidate is judged yet." if _runs(night) else "No candidate was judged."
        nothing = [Option(Content.styled(none, "$foreground-muted"), disabled=True)]
        listed = self.query_one(OptionList)
        listed.set_options(rows or nothing)
        listed.highlighted = 0 if rows else None


class Exam(VerticalScroll):
    """What the new adapter was asked, by kind."""

    DEFAULT_CSS = "Exam { padding: 0 1; } Exam > Static { height: auto; }"

    def compose(self) -> ComposeResult:
        yield Static()

    def show(self, night: NightView | None) -> None:
        self.query_one(Static).update(_exam(night))


class History(Vertical):
    """Every night, the latest first, and how much of what it knew it kept."""

    DEFAULT_CSS = """
    History > Plot { height: 7; }
    History > OptionList { height: 1fr; background: transparent; margin: 0 1; }
    """

    def compose(self) -> ComposeResult:
        yield Plot("Retention", "% of what it knew before", style="$success", id="retention")
        yield OptionList(id="nights", compact=True)

    def show(self, nights: Sequence[NightView]) -> None:
        """List them; it stays at the night it stood at, or at the latest."""
        kept = [100 * value for night in nights if (value := share(night, "old")) is not None]
        self.query_one("#retention", Plot).show(kept, (0.0, 100.0))
        shown = self.query_one("#nights", OptionList)
        chosen = shown.highlighted_option if shown.highlighted else None
        rows = [Option(_night(night), id=night.id) for night in reversed(nights)]
        nothing = [
            Option(Content.styled("No night yet: s puts it to sleep.", "$foreground-muted"), disabled=True)
        ]
        shown.set_options(rows or nothing)
        if rows:
            ids = [row.id for row in rows]
            shown.highlighted = ids.index(chosen.id) if chosen and chosen.id in ids else 0


def _runs(night: NightView | None) -> bool:
    return night is not None and night.state == "running"


def _verdict(verdict: Verdict) -> Content:
    sign, style = _RULINGS.get(verdict.ruling, ("?", "$text-warning"))
    return Content.assemble(
        (f"{sign} {verdict.ruling:<13}", style), verdict.text, (f"\n  {verdict.reason}", "$foreground-muted")
    )


def _exam(night: NightView | None) -> Content:
    title = Content.styled("Exam", "bold")
    if night is None or not night.exam:
        none = "  not held yet" if _runs(night) else "  none was held"
        return Content.assemble(title, (none, "$foreground-muted"))
    lines = [Content.assemble(title, (f"  of night {night.id}", "$foreground-muted"))]
    for kind, counts in night.exam.items():
        part = share(night, kind) or 0.0
        full = round(part * _BAR)
        lines.append(
            Content.assemble(
                f"{kind:<9}",
                ("█" * full, "$success" if part >= 0.7 else "$warning"),
                ("░" * (_BAR - full), "$foreground-muted"),
                f"{counts['passed']:>4} of {counts['n']:<3}",
                (f" {_KINDS.get(kind, '')}", "$foreground-muted"),
            )
        )
    lines += [Content.styled(f"✗ {reason}", "$text-error") for reason in night.reasons]
    return Content("\n").join(lines)


def _night(night: NightView) -> Content:
    sign, style = _STATES.get(night.state, ("?", ""))
    kept = share(night, "old")
    new = share(night, "new")
    admitted = night.rulings.get("supported", 0)
    return Content.assemble(
        (f"{sign} ", style),
        f"{night.id}  {night.started_at:%m-%d %H:%M}  {night.state:<12}",
        (f"{admitted:>3} learnt  ", ""),
        (f"new {new:>4.0%}  " if new is not None else " " * 10, "$foreground-muted"),
        (f"kept {kept:>4.0%}" if kept is not None else "", "$foreground-muted"),
    )
