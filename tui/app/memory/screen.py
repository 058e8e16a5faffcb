"""The memory screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer

from ..bar import TopBar
from ..room import Room


class MemoryScreen(Room):
    """What it has learnt."""

    def compose(self) -> ComposeResult:
        yield TopBar("memory")
        yield Footer(compact=True)
