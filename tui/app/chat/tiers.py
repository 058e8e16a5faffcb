"""The panel of the tiers: the context, what was recalled for this answer, the adapter, and the next night.

Promise: what it shows is what the agent says of itself; nothing is guessed. Knows how the tiers are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ..clock import ago
from ..messages import SourceOpened

if TYPE_CHECKING:
    from ....graphs.context import ContextView
    from ....runtime.records import AdapterView, Status, TurnView
    from ..app import DormouseApp
    from ..outlook import Outlook

_GAUGE = 30
_NONE_USED = "Nothing was recalled for this answer."


class TiersPanel(VerticalScroll):
    """At the right; over the conversation on a narrow screen. Tab goes there, and to what was recalled."""

    DEFAULT_CSS = """
    TiersPanel { width: 42; background: $surface; padding: 0 1; border-left: solid $panel; }
    TiersPanel:focus, TiersPanel:focus-within { border-left: heavy $primary; }
    TiersPanel > Static { height: auto; margin-bottom: 1; }
    TiersPanel > OptionList {
        height: auto; max-height: 14; border: none; padding: 0; background: transparent; margin-bottom: 1;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="tiers")

    def compose(self) -> ComposeResult:
        yield Static(id="context")
        yield Static(_title("1", "episodic", "F6"), id="episodic")
        yield _Sources(id="sources", compact=True)
        yield Static(id="weights")
        yield Static(id="next")

    def on_mount(self) -> None:
        self.sources(())
        self.refresh_tiers()

    def sources(self, turns: Sequence[TurnView]) -> None:
        """What was recalled for the last answer."""
        shown = self.query_one("#sources", OptionList)
        if turns:
            shown.set_options(Option(_source(turn), id=str(turn.id)) for turn in turns)
        else:
            shown.set_options([Option(Content.styled(_NONE_USED, "$foreground-muted"), disabled=True)])

    def refresh_tiers(self) -> None:
        """Draw them anew."""
        app: DormouseApp = self.app  # type: ignore[assignment]
        outlook = app.outlook
        self.query_one("#context", Static).update(_context(app))
        self.query_one("#weights", Static).update(_weights(outlook))
        self.query_one("#next", Static).update(_next(app))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(SourceOpened(int(event.option.id or 0)))


class _Sources(OptionList, inherit_bindings=False):
    """What was recalled. A page up or down is the panel's, whose few lines these are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key for key in OptionList.BINDINGS if isinstance(key, Binding) and "page" not in key.key
    ]

    def on_focus(self) -> None:
        if self.highlighted is None:
            self.action_first()


def _title(tier: str, name: str, key: str = "") -> Content:
    return Content.assemble(
        (tier, "$primary bold"), (f" {name}", "bold"), (f"  {key}" if key else "", "$foreground-muted")
    )


def gauge(share: float, width: int = _GAUGE) -> Content:
    """A bar that is told by its shape alone."""
    full = min(width, max(0, round(share * width)))
    style = "$error" if share > 0.9 else "$warning" if share > 0.7 else "$success"
    return Content.assemble(("█" * full, style), ("░" * (width - full), "$foreground-muted"), f" {share:.0%}")


def _context(app: DormouseApp) -> Content:
    outlook, title = app.outlook, _title("0", "context")
    seen = outlook.context if outlook else None
    if seen is None:
        return Content.assemble(title, ("\nCounted once something was said.", "$foreground-muted"))
    lines = [title, gauge(seen.tokens / max(1, seen.room)), Content(_counts(seen))]
    leaving = outlook.leaving if outlook else None
    if leaving is not None:
        words = " ".join(leaving.content.split())
        lines.append(Content.assemble(("leaves first: ", "$foreground-muted"), f"“{words[:60]}”"))
    nap = app.agent.spec.memory.context.nap if app.agent is not None else None
    if nap is not None and nap.passes:
        lines.append(Content.styled(f"a nap begins at {nap.begin_at:.0%}", "$foreground-muted"))
    return Content("\n").join(lines)


def _counts(seen: ContextView) -> str:
    out = f", {seen.left_out} have left" if seen.left_out else ""
    return f"{seen.tokens} of {seen.room} tokens, {seen.messages} messages{out}"


def _weights(outlook: Outlook | None) -> Content:
    title = _title("2", "fast weights")
    if outlook is None:
        return title
    words = Content.styled("No adapter yet: the bare base answers.", "$foreground-muted")
    held = _adapter(outlook.adapter) if outlook.adapter else [words]
    return Content("\n").join([title, *held, *_watched(outlook.status), _base(outlook)])


def _watched(status: Status) -> list[Content]:
    """What naps have put on top, and how a new version is being watched."""
    lines = []
    if status.day_adapter:
        count = sum(status.naps.values())
        on_top = f"day adapter {status.day_adapter[:10]} on top, of {count} nap{'s' if count != 1 else ''}"
        lines.append(Content(on_top))
    if status.nap_refused:
        lines.append(Content.styled(status.nap_refused, "$text-warning"))
    if (canary := status.canary) is not None:
        lines.append(Content(f"canary: {canary.seen} of {canary.turns} answers watched"))
    return lines


def _adapter(adapter: AdapterView) -> list[Content]:
    id, held = str(adapter.manifest.get("id", "")), len(adapter.manifest.get("memories", ()))
    lines = [Content.assemble("adapter ", (id[:10], "bold"), f" holds {held} memories")]
    exam = adapter.exam
    if exam is None:
        return [*lines, Content.styled("it sat no exam", "$text-warning")]
    passed = bool(exam.get("passed"))
    sign = ("✓ passed", "$text-success") if passed else ("✗ failed", "$text-error")
    lines.append(Content.assemble("exam ", sign))
    for kind, count in dict(exam.get("kinds", {})).items():
        lines.append(Content(f"  {kind:<9}{count['passed']:>3} of {count['n']}"))
    return lines


def _base(outlook: Outlook) -> Content:
    base = outlook.status.base
    name = f"{base['name']} ({base['quantisation']})" if base else "not at hand yet"
    return Content.assemble(("3 ", "$primary bold"), ("base  ", "bold"), (name, "$foreground-muted"))


def _next(app: DormouseApp) -> Content:
    lines = [_title("☾", "next night", "F4")]
    outlook = app.outlook
    if outlook is None:
        return lines[0]
    status, stage = outlook.status, app.night.current
    if stage is not None:
        lines += [Content(f"now: {stage.name}"), gauge(stage.share, 24)]
    waiting = status.to_sleep_on
    lines.append(Content(f"{waiting} turn{'' if waiting == 1 else 's'} to sleep on"))
    if admitted := status.memories.get("admitted", 0):
        lines.append(Content(f"{admitted} admitted, not in the weights yet"))
    if outlook.daemon is not None and outlook.daemon.get("why"):
        lines.append(Content.styled(f"daemon: {outlook.daemon['why']}", "$foreground-muted"))
    lines += [Content.styled(f"! {alarm}", "$text-error") for alarm in outlook.alarms]
    return Content("\n").join(lines)


def _source(turn: TurnView) -> Content:
    words = " ".join(turn.content.split())
    return Content.assemble(
        words if len(words) < 74 else f"{words[:73]}…",
        (f"\n  said {ago(turn.created_at)}", "$foreground-muted"),
    )
