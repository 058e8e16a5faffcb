"""The list of memories, and what is looked for in it: a state, and words. Knows how a memory is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Tab, Tabs
from textual.widgets.option_list import Option

if TYPE_CHECKING:
    from ....runtime.records import MemoryView

STATES = ("all", "admitted", "consolidated", "superseded", "rejected", "forgotten")
SIGNS = {
    "admitted": ("○", "$text-warning"),
    "consolidated": ("●", "$text-success"),
    "superseded": ("◌", "$foreground-muted"),
    "rejected": ("✗", "$text-error"),
    "forgotten": ("∅", "$foreground-muted"),
}


class _StateTab(Tab):
    """Its underline is drawn again once its width is known: Textual does so when it is relabelled, at times
    before the new label is laid out, and the line then stays too short.
    """

    def on_resize(self) -> None:
        self.post_message(self.Relabelled(self))


class Finder(Vertical):
    """Which memories are listed."""

    DEFAULT_CSS = """
    Finder { height: 3; }
    Finder > Tabs { height: 2; }
    Finder > Tabs Tab { padding: 0 1; }
    Finder > Input { height: 1; margin: 0 1; background: $panel; }
    """

    def compose(self) -> ComposeResult:
        yield Tabs(*(_StateTab(state, id=state) for state in STATES))
        yield Input(placeholder="/ searches in what was learnt", compact=True)

    @property
    def state(self) -> str:
        return self.query_one(Tabs).active or STATES[0]

    @property
    def wanted(self) -> str:
        return self.query_one(Input).value.strip().casefold()

    def count(self, memories: Sequence[MemoryView]) -> None:
        """Say how many there are of each state."""
        counts = Counter(memory.state for memory in memories)
        for state in STATES:
            number = len(memories) if state == "all" else counts[state]  # type: ignore[index]
            tab = self.query_one(f"#{state}", Tab)
            tab.label = f"{state} {number}" if number else state


class Listing(OptionList):
    """The memories that fit, the newest first."""

    DEFAULT_CSS = "Listing { height: 1fr; background: transparent; margin: 0 1; }"

    def __init__(self) -> None:
        super().__init__(compact=True)

    @property
    def chosen(self) -> str | None:
        """The id of the one it stands at."""
        option = self.highlighted_option
        return option.id if option is not None else None

    def fill(self, memories: Sequence[MemoryView], state: str, wanted: str) -> None:
        """List those of a state that hold the words wanted; it stays where it stood, if that is left."""
        before = self.chosen
        fitting = [memory for memory in memories if state in ("all", memory.state) and _holds(memory, wanted)]
        if not fitting:
            words = "Nothing fits." if memories else "Nothing was learnt yet; it learns while it sleeps."
            self.set_options([Option(Content.styled(words, "$foreground-muted"), disabled=True)])
            return
        self.set_options(Option(_line(memory), id=memory.id) for memory in fitting)
        ids = [memory.id for memory in fitting]
        self.highlighted = ids.index(before) if before in ids else 0


def _holds(memory: MemoryView, wanted: str) -> bool:
    return not wanted or any(
        wanted in text.casefold() for text in (memory.statement, memory.quote, memory.id)
    )


def _line(memory: MemoryView) -> Content:
    sign, style = SIGNS[memory.state]
    return Content.assemble((sign, style), f" {memory.statement}")
