"""The night screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer

from ..bar import TopBar
from ..room import Room


class NightScreen(Room):
    """Its nights."""

    def compose(self) -> ComposeResult:
        yield TopBar("night")
        yield Footer(compact=True)
