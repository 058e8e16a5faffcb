"""A tool call in the conversation: folded to a line, opened by Enter or a click; and the question before it.

Promise: what a tool was called with and gave back is shown as it is. Knows how a call looks.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Collapsible, Static

from .words import verdict_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ....graphs.events import Asked, Judged
    from ....runtime.records import CallView, VerdictView

_SIGNS = {
    "done": ("✓", "$text-success"),
    "failed": ("✗", "$text-error"),
    "refused": ("⊘", "$text-warning"),
    "lost": ("?", "$text-warning"),
    "asked": ("?", "$text-warning"),
}
_TITLE_CHARS = 56
UNHEARD_S = 0.3
"""How long a question has stood before a key can answer it."""


def _one_line(arguments: Mapping[str, Any]) -> str:
    words = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
    return words if len(words) <= _TITLE_CHARS else f"{words[: _TITLE_CHARS - 1]}…"


class CallFold(Collapsible):
    """One call, with its arguments, its result and the verdicts on it."""

    DEFAULT_CSS = """
    CallFold {
        margin: 1 1 0 1; padding: 0; border: none; background: transparent; height: auto;
        & > Contents { padding: 0 0 0 3; height: auto; }
        & .part { height: auto; }
    }
    """

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        self._body = Static(classes="part", markup=False)
        super().__init__(self._body, title="", collapsed=True)
        self._tool, self._arguments = name, arguments
        self._state, self._result = "running", ""
        self._verdicts: list[Judged | VerdictView] = []
        self._redraw()

    @classmethod
    def of(cls, call: CallView) -> CallFold:
        """One that the journal holds."""
        fold = cls(call.name, call.arguments)
        fold._state = call.state if call.ok or call.state != "done" else "failed"
        fold._result, fold._verdicts = call.result, list(call.verdicts)
        fold._redraw()
        return fold

    def ended(self, state: str, result: str) -> None:
        self._state, self._result = state, result
        self._redraw()

    def judged(self, verdict: Judged) -> None:
        self._verdicts.append(verdict)
        self._redraw()

    def _redraw(self) -> None:
        sign, style = _SIGNS.get(self._state, ("…", "$foreground-muted"))
        outcomes = "".join(f" · {one.verifier} {one.outcome}" for one in self._verdicts)
        self.title = Content.assemble(  # type: ignore[assignment]  # a title may be content
            (sign, style),
            f" {self._tool} {self._state}{outcomes}",
            (f" ({_one_line(self._arguments)})", "$foreground-muted"),
        )
        written = json.dumps(dict(self._arguments), ensure_ascii=False, indent=2)
        parts = [Content.styled("called with", "bold"), Content(written)]
        if self._result:
            parts += [Content.styled("gave back", "bold"), Content(self._result)]
        if self._verdicts:
            parts += [Content.styled("verdicts", "bold"), *map(verdict_line, self._verdicts)]
        self._body.update(Content("\n").join(parts))


class Approval(Vertical, can_focus=True):
    """Asks whether a call may be made; answered by a key, a click, or the end of the turn."""

    DEFAULT_CSS = """
    Approval {
        height: auto; margin: 1 1 0 1; padding: 0 1; border: round $warning; background: $surface;
        & > .asked { height: auto; }
        & Horizontal { height: 1; margin-top: 1; }
        & Button {
            height: 1; min-width: 12; border: none; margin-right: 2; background: $panel; color: $foreground;
        }
        & Button:focus { text-style: bold reverse; }
    }
    Approval:focus { border: round $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Call it"),
        Binding("n", "answer(False)", "Do not"),
    ]

    def __init__(self, asked: Asked, answer: Future[bool]) -> None:
        super().__init__()
        self._asked, self._answer = asked, answer

    def compose(self) -> ComposeResult:
        arguments = json.dumps(dict(self._asked.arguments), ensure_ascii=False, indent=2)
        yield Static(
            Content.assemble(("May it call ", ""), (self._asked.name, "bold"), ("?\n", ""), arguments),
            classes="asked",
        )
        with Horizontal():
            yield Button("Yes (y)", id="yes", compact=True)
            yield Button("No (n)", id="no", compact=True)

    def on_mount(self) -> None:
        self._asked_at = time.monotonic()
        self._answer.add_done_callback(lambda _: self.call_later(self._leave))

    async def _leave(self) -> None:
        """Gone, and the prompt has the keys again if this had them."""
        if self.has_focus_within or self.has_focus:
            self.screen.query_one("#prompt").focus()
        await self.remove()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self._give(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        if time.monotonic() - self._asked_at < UNHEARD_S:  # the key was meant for the prompt
            return
        self._give(yes)

    def _give(self, yes: bool) -> None:
        if not self._answer.done():
            self._answer.set_result(yes)
