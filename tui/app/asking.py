"""Small questions over a screen: a yes or a no, a line of text, something to read.

Promise: what cannot be undone has No as the answer a stray Enter gives. Knows nothing of what is asked.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

_CSS = """
    Confirm, AskText, Reading { align: center middle; background: $background 60%; }
    .box {
        width: 80%; max-width: 78; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 1 2;
    }
    .box > .title { text-style: bold; color: $primary; margin-bottom: 1; }
    .box > .hint { color: $foreground-muted; margin-top: 1; }
    .box Horizontal { height: auto; align-horizontal: right; margin-top: 1; }
    .box Button {
        margin-left: 2; min-width: 12; height: 1; border: none; background: $panel; color: $foreground;
    }
    .box Button:focus { text-style: bold reverse; }
    .box VerticalScroll { height: auto; max-height: 50vh; }
"""


class Confirm(ModalScreen[bool]):
    """Whether to go on. `danger` names what cannot be undone."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,right", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, yes: str, *, detail: str = "") -> None:
        super().__init__()
        self._question, self._yes, self._detail = question, yes, detail

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(self._question, classes="title", markup=False)
            if self._detail:
                yield Static(self._detail, markup=False)
            with Horizontal():
                yield Button("No (n)", id="no", compact=True)
                yield Button(f"{self._yes} (y)", id="yes", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")


class AskText(ModalScreen[str | None]):
    """One line of text; None when the user thinks better of it."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(self, question: str, text: str = "", *, hint: str = "") -> None:
        super().__init__()
        self._question, self._text, self._hint = question, text, hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(self._question, classes="title", markup=False)
            yield Input(self._text, id="line")
            if self._hint:
                yield Static(self._hint, classes="hint", markup=False)
            with Horizontal():
                yield Button("Leave (esc)", id="leave", compact=True)
                yield Button("Save (enter)", id="save", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(self.query_one(Input).value if event.button.id == "save" else None)

    def action_leave(self) -> None:
        self.dismiss(None)


class Reading(ModalScreen[None]):
    """Something to read, until any of the usual keys."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "leave", "Close")]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(self._title, classes="title", markup=False)
            with VerticalScroll():
                yield Static(self._text)
            with Horizontal():
                yield Button("Close (esc)", id="close", compact=True)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_button_pressed(self) -> None:
        self.dismiss(None)
