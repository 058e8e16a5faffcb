"""Where the user types: several lines, what was said before, long pastes folded to a word.

Promise: a paste is sent whole, whatever it is shown as; nothing typed is lost by looking back in the history.
Knows text; nothing of commands or agents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from ..messages import Typed

_FOLDED_LINES = 8
_FOLDED_CHARS = 1000
_OURS = ("f6", "f7", "up", "down", "pageup", "pagedown")
_EDITING = [key for key in TextArea.BINDINGS if isinstance(key, Binding) and key.key not in _OURS]


class Prompt(TextArea, inherit_bindings=False):
    """Enter sends; Ctrl+J, Alt+Enter and Shift+Enter begin a new line."""

    DEFAULT_CSS = """
    Prompt {
        height: auto; max-height: 10; min-height: 3; border: round $border-blurred; padding: 0 1;
        background: $background;
    }
    Prompt:focus { border: round $primary; }
    Prompt.-editing { border: round $secondary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,shift+enter,alt+enter", "new_line", "New line", show=False),
        Binding("up", "earlier", "Earlier", show=False),
        Binding("down", "later", "Later", show=False),
        Binding("tab", "complete", "Complete", show=False),
        *_EDITING,
    ]

    @dataclass
    class Steered(Message):
        """A key for the list of completions: "up", "down" or "take"."""

        key: str

    def __init__(self) -> None:
        super().__init__(id="prompt", tab_behavior="focus", placeholder="Say something, or / for commands")
        self.completing = False
        self._said: list[str] = []
        self._place: int | None = None
        self._draft = ""
        self._pastes: dict[str, str] = {}

    @property
    def whole(self) -> str:
        """What would be sent: the text with every folded paste in its place."""
        text = self.text
        for mark, pasted in self._pastes.items():
            text = text.replace(mark, pasted)
        return text

    def remember(self, said: list[str]) -> None:
        """What the arrow keys go back through, the oldest first."""
        self._said, self._place = list(said), None

    def put(self, text: str) -> None:
        """Replace what stands there."""
        self._pastes.clear()
        self.text = text
        self.move_cursor(self.document.end)

    def action_send(self) -> None:
        if self.completing:
            self.post_message(self.Steered("take"))
            return
        text = self.whole.strip()
        if text:
            self.post_message(Typed(text))

    def sent(self, text: str) -> None:
        """It was taken: the prompt is empty again."""
        if not self._said or self._said[-1] != text:
            self._said.append(text)
        self._place = None
        self.put("")

    def action_new_line(self) -> None:
        self.insert("\n")

    def action_complete(self) -> None:
        if self.completing:
            self.post_message(self.Steered("complete"))
        else:
            self.screen.focus_next()

    def action_earlier(self) -> None:
        if self.completing:
            self.post_message(self.Steered("up"))
        elif self.cursor_at_first_line and self._said:
            self._go(-1)
        else:
            self.action_cursor_up()

    def action_later(self) -> None:
        if self.completing:
            self.post_message(self.Steered("down"))
        elif self.cursor_at_last_line and self._place is not None:
            self._go(1)
        else:
            self.action_cursor_down()

    def _go(self, step: int) -> None:
        """To an earlier or later thing said; past the latest stands what was being typed."""
        if self._place is None:
            self._draft, self._place = self.whole, len(self._said)
        self._place = max(0, self._place + step)
        if self._place >= len(self._said):
            self._place = None
            self.put(self._draft)
        else:
            self.put(self._said[self._place])

    async def _on_key(self, event: events.Key) -> None:
        """Enter sends. No binding with priority does: that would overtake what was typed just before."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_send()
            return
        await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        text, lines = event.text, event.text.count("\n") + 1
        if lines > _FOLDED_LINES or len(text) > _FOLDED_CHARS:
            mark = f"[pasted {len(self._pastes) + 1}: {lines} lines, {len(text)} characters]"
            self._pastes[mark] = text
            event.prevent_default()
            event.stop()
            self.insert(mark)
