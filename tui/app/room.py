"""What the three screens share: the sizes they know, and the application they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

if TYPE_CHECKING:
    from .abc import Companion
    from .app import DormouseApp


class Room(Screen[None]):
    """A screen has the class -narrow, -normal or -wide, and -low or -tall, by its size in cells."""

    # Textual declares both without ClassVar.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = [  # noqa: RUF012
        (0, "-narrow"),
        (112, "-normal"),
        (160, "-wide"),
    ]
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (40, "-tall")]  # noqa: RUF012

    @property
    def dormouse(self) -> DormouseApp:
        app: DormouseApp = self.app  # type: ignore[assignment]
        return app

    @property
    def agent(self) -> Companion | None:
        return self.dormouse.agent
