"""The memory screen: what was learnt, found by state and by words, with what each rests on and why.

Promise: a memory is forgotten only after a yes, and corrected under its owner's eyes. Knows the parts and the
agent's calls; nothing of how a memory comes about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input, OptionList, Tabs

from ..asking import AskText, Confirm, Reading
from ..bar import TopBar
from ..calling import ask
from ..explaining import forgotten, origin
from ..messages import NightMoved
from ..room import Room
from ..telling import turns_told
from .details import Details
from .listing import Finder, Listing

if TYPE_CHECKING:
    from ....runtime.records import MemoryView
    from ..abc import Companion

_HOLDS = ("admitted", "consolidated")


class MemoryScreen(Room):
    """What it has learnt."""

    DEFAULT_CSS = """
    MemoryScreen #halves { height: 1fr; }
    MemoryScreen #left { width: 1fr; height: 1fr; }
    MemoryScreen.-narrow #halves { layout: vertical; }
    MemoryScreen.-narrow #left { height: 11; width: 100%; }
    MemoryScreen.-narrow Details { width: 100%; height: 1fr; border-left: none; border-top: solid $panel; }
    MemoryScreen.-narrow Details:focus-within { border-top: heavy $primary; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Search"),
        Binding("f", "state", "State"),
        Binding("e", "edit", "Edit"),
        Binding("d,delete", "forget", "Forget"),
        Binding("w", "why", "Why"),
        Binding("t", "turns", "Turns"),
        Binding("tab", "app.focus_next", "Next part"),
        Binding("r", "reload", "Reload", show=False),
        Binding("escape", "back", "Back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.memories: list[MemoryView] = []

    def compose(self) -> ComposeResult:
        yield TopBar("memory")
        with Horizontal(id="halves"):
            with Vertical(id="left"):
                yield Finder()
                yield Listing()
            yield Details()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.watch(self.app, "agent", self._opened)

    def _opened(self, agent: Companion | None) -> None:
        if agent is not None:
            self.action_reload()

    def on_screen_resume(self) -> None:
        self.action_reload()

    def on_night_moved(self, _: NightMoved) -> None:
        if not self.dormouse.night.running:
            self.action_reload()

    def action_reload(self) -> None:
        """Fetch them anew."""
        agent = self.agent
        if agent is not None:
            ask(self, agent.memory_views, self._loaded, group="memories")

    def _loaded(self, memories: list[MemoryView]) -> None:
        self.memories = list(reversed(memories))
        self._fill()

    def _fill(self) -> None:
        finder = self.query_one(Finder)
        finder.count(self.memories)
        self.query_one(Listing).fill(self.memories, finder.state, finder.wanted)
        self._show()

    def _show(self) -> None:
        self.query_one(Details).show(self.chosen)

    @property
    def chosen(self) -> MemoryView | None:
        """The memory the list stands at."""
        id = self.query_one(Listing).chosen
        return next((memory for memory in self.memories if memory.id == id), None)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one(OptionList).focus()

    def on_tabs_tab_activated(self, event: Tabs.TabActivated) -> None:
        event.stop()
        self._fill()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_turns()

    async def on_details_wanted(self, event: Details.Wanted) -> None:
        event.stop()
        await self.run_action(event.action)

    def action_find(self) -> None:
        self.query_one(Input).focus()

    def action_state(self) -> None:
        """The next state, round and round."""
        self.query_one(Tabs).action_next_tab()

    def action_back(self) -> None:
        if self.query_one(Input).has_focus or self.query_one(Input).value:
            self.query_one(Input).value = ""
            self.query_one(OptionList).focus()
        else:
            self.app.switch_mode("chat")

    def action_edit(self) -> None:
        """Have it say something else."""
        memory, agent = self.chosen, self.agent
        if memory is None or agent is None:
            return
        if memory.state not in _HOLDS:
            self.notify(f"This memory is {memory.state}; only one that holds can be corrected.")
            return

        def given(value: str | None) -> None:
            if value is not None and value.strip() != memory.value:
                ask(self, lambda: agent.correct(memory.id, value), self._corrected, group="correct")

        hint = f"“{memory.statement}” It takes its place at once, and the next night teaches it."
        self.app.push_screen(AskText(f"{memory.subject}: {memory.attribute}", memory.value, hint=hint), given)

    def _corrected(self, memory: MemoryView) -> None:
        self.notify(f"From now on: {memory.statement}", markup=False)
        self.action_reload()
        self.dormouse.look()

    def action_forget(self) -> None:
        """Forget it, after a yes."""
        memory, agent = self.chosen, self.agent
        if memory is None or agent is None:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.notify("Forgetting ...")
                ask(self, lambda: agent.forget(memory.id), self._forgot, group="forget", exclusive=False)

        detail = (
            f"{memory.statement}\n\nIts words go from journal, index and files at once, and from the weights "
            "in the next night."
        )
        question = Confirm("Forget this? It cannot be undone.", "Forget", detail=detail)
        self.app.push_screen(question, answered)

    def _forgot(self, receipt: object) -> None:
        self.app.push_screen(Reading("Forgotten", forgotten(receipt)))  # type: ignore[arg-type]
        self.action_reload()
        self.dormouse.look()

    def action_why(self) -> None:
        """What is behind it."""
        memory, agent = self.chosen, self.agent
        if memory is not None and agent is not None:
            ask(
                self,
                lambda: agent.why(memory.statement),
                lambda found: self.app.push_screen(Reading("Why", origin(found))),
                group="why",
            )

    def action_turns(self) -> None:
        """The turns it rests on, with what was said around them."""
        memory, agent = self.chosen, self.agent
        if memory is None or agent is None:
            return

        def fetch() -> list[object]:
            found = agent.turns_by_id(memory.turns)
            sessions = dict.fromkeys(turn.session for turn in found)
            return [turn for session in sessions for turn in agent.transcript(session)]

        def show(turns: list[object]) -> None:
            self.app.push_screen(Reading("Where it was said", turns_told(turns, memory.turns)))  # type: ignore[arg-type]

        ask(self, fetch, show, group="turns")
