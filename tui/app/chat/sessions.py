"""The list of sessions: newest first, searched by title and by what was said, renamed, gone on with.

Promise: searching goes through the whole journal, and the list of titles is there at once. Knows how a
session is shown; asks the agent in threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ..asking import AskText
from ..calling import ask
from ..clock import ago
from ..messages import CommandGiven, SessionChosen

if TYPE_CHECKING:
    from ....runtime.records import SessionView, TurnView
    from ..app import DormouseApp

_FOUND = 12


class SessionsPane(Vertical):
    """At the left of a wide screen; over the conversation on a narrow one."""

    DEFAULT_CSS = """
    SessionsPane { width: 34; background: $surface; padding: 0 1; border-right: solid $panel; }
    SessionsPane > Static { color: $foreground-muted; text-style: bold; height: 1; }
    SessionsPane > Input { border: none; height: 1; padding: 0; background: $panel; margin-bottom: 1; }
    SessionsPane > Input:focus { background: $boost; }
    SessionsPane > OptionList { height: 1fr; border: none; padding: 0; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rename", "Rename"),
        Binding("escape", "leave", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="sessions")
        self._views: list[SessionView] = []
        self._hits: list[TurnView] = []

    def compose(self) -> ComposeResult:
        yield Static("Sessions  F5", markup=False)
        yield Input(placeholder="search what was said", id="find", compact=True)
        yield OptionList(id="list", compact=True)

    def reload(self) -> None:
        """Fetch them anew."""
        app: DormouseApp = self.app  # type: ignore[assignment]
        if app.agent is not None:
            ask(self, app.agent.session_views, self._loaded, group="sessions")

    def _loaded(self, views: list[SessionView]) -> None:
        self._views = views
        self._fill()

    def find(self, text: str) -> None:
        """Search for it, as if it had been typed here."""
        line = self.query_one(Input)
        line.value = text
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        app: DormouseApp = self.app  # type: ignore[assignment]
        text, agent = event.value.strip(), app.agent
        self._hits = []
        self._fill()
        if text and agent is not None:
            ask(self, lambda: agent.search(text, _FOUND), self._found, group="find")

    def _found(self, hits: list[TurnView]) -> None:
        self._hits = hits
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option.id == "new":
            self.post_message(CommandGiven("new"))
        elif event.option.id:
            self.post_message(SessionChosen(event.option.id.split(":")[0]))

    def action_rename(self) -> None:
        chosen = self.query_one(OptionList).highlighted_option
        if chosen is None or not chosen.id or chosen.id == "new":
            return
        session = chosen.id.split(":")[0]
        title = next((view.title for view in self._views if view.id == session), "")
        self.rename(session, title)

    def rename(self, session: str, title: str) -> None:
        """Ask for another title."""
        app: DormouseApp = self.app  # type: ignore[assignment]

        def named(text: str | None) -> None:
            agent = app.agent
            if text is not None and agent is not None:
                ask(
                    self, lambda: agent.rename_session(session, text), lambda _: self.reload(), group="rename"
                )

        app.push_screen(
            AskText("What is this session called?", title, hint="Nothing gives it back its own."), named
        )

    def action_leave(self) -> None:
        self.post_message(CommandGiven("back"))

    def _fill(self) -> None:
        wanted = self.query_one(Input).value.strip().casefold()
        shown = self.query_one(OptionList)
        titles = {view.id: view.title for view in self._views}
        app: DormouseApp = self.app  # type: ignore[assignment]
        rows = [Option(Content.styled("+ new session", "bold"), id="new")] if not wanted else []
        for view in self._views:
            if wanted in view.title.casefold():
                rows.append(Option(_session(view, here=view.id == app.session), id=view.id))
        for hit in self._hits:
            rows.append(Option(_hit(hit, titles.get(hit.session, "")), id=f"{hit.session}:{hit.id}"))
        if not rows:
            rows.append(Option("nothing found", disabled=True))
        before = shown.highlighted
        shown.set_options(rows)
        shown.highlighted = min(before or 0, len(rows) - 1)


def _session(view: SessionView, *, here: bool) -> Content:
    title = " ".join((view.title or "untitled").split())
    sign = "▸ " if here else "  "
    return Content.assemble(
        (sign, "$primary"),
        (title if len(title) < 28 else f"{title[:27]}…", "bold" if here else ""),
        (f"\n  {ago(view.last_at)} · {view.turns} turns", "$foreground-muted"),
    )


def _hit(turn: TurnView, title: str) -> Content:
    words = " ".join(turn.content.split())
    return Content.assemble(
        ("“", "$foreground-muted"),
        words if len(words) < 84 else f"{words[:83]}…",
        ("”", "$foreground-muted"),
        (f"\n  in {title[:24] or 'untitled'}", "$foreground-muted"),
    )
