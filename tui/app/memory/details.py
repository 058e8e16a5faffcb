"""One memory in full: what it says, how it stands, the words it rests on, and what can be done with it.

Knows how a memory is shown; what is done is asked of the screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from .listing import SIGNS

if TYPE_CHECKING:
    from ....runtime.records import MemoryView

_ACTIONS = {"edit": "Edit (e)", "forget": "Forget (d)", "why": "Why (w)", "turns": "Turns (t)"}
_MEANING = {
    "admitted": "it holds, and the next night teaches it",
    "consolidated": "the weights answer for it",
    "superseded": "a newer word took its place",
    "rejected": "it was not learnt",
    "forgotten": "its words are gone",
}


class Details(Vertical):
    """At the right of a wide screen, below the list on a narrow one."""

    DEFAULT_CSS = """
    Details { width: 1fr; height: 1fr; background: $surface; border-left: solid $panel; padding: 0 1; }
    Details:focus-within { border-left: heavy $primary; }
    Details > VerticalScroll { height: 1fr; }
    Details > VerticalScroll > Static { height: auto; }
    Details > Horizontal { height: 1; }
    Details Button { margin-right: 1; min-width: 11; background: $panel; color: $foreground; }
    """

    @dataclass
    class Wanted(Message):
        """Something is to be done with the memory shown: the name of the screen's action."""

        action: str

    def __init__(self) -> None:
        super().__init__()
        self._shown: str | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(markup=False)
        with Horizontal():
            for action, label in _ACTIONS.items():
                yield Button(label, id=action, compact=True)

    def show(self, memory: MemoryView | None) -> None:
        """Show one, or none; another one from its beginning."""
        self.query_one(Horizontal).display = memory is not None
        self.query_one(Static).update(in_full(memory) if memory else Content(""))
        id = memory.id if memory else None
        if id != self._shown:
            self._shown = id
            self.query_one(VerticalScroll).scroll_home(animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Wanted(event.button.id or ""))


def in_full(memory: MemoryView) -> Content:
    """Everything about it."""
    sign, style = SIGNS[memory.state]
    reason = f" ({memory.reason})" if memory.reason else ""
    rows = [
        ("id", memory.id),
        ("subject", memory.subject),
        ("attribute", memory.attribute),
        ("value", memory.value),
        ("since", f"{memory.created_at:%Y-%m-%d %H:%M}"),
        ("night", memory.night or "the next one"),
        ("replaced", f"by {memory.superseded_by}" if memory.superseded_by else ""),
    ]
    parts = [
        Content.styled(memory.statement, "bold"),
        Content.assemble((f"{sign} {memory.state}", style), f": {_MEANING[memory.state]}{reason}"),
        Content(""),
        *(Content.assemble((f"{name:<10}", "$foreground-muted"), value) for name, value in rows if value),
    ]
    for turn, words in memory.words.items():
        parts += [
            Content(""),
            Content.styled(f"turn {turn}", "$foreground-muted"),
            _quoted(words, memory.quote),
        ]
    return Content("\n").join(parts)


def _quoted(words: str, quote: str) -> Content:
    """The turn's words, with what is quoted of them marked."""
    before, found, after = words.partition(quote)
    if not found:
        return Content(words)
    return Content.assemble(before, (found, "bold"), after)
