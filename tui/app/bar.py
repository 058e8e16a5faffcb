"""The line at the top: whose screens these are, which one is open, and what the user should know now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

if TYPE_CHECKING:
    from .app import DormouseApp

SCREENS = {"chat": "F2 Chat", "memory": "F3 Memory", "night": "F4 Night"}


class ScreenTab(Static):
    """Opens a screen when it is clicked."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    ScreenTab { width: auto; padding: 0 1; color: $foreground-muted; }
    ScreenTab:hover { text-style: underline; }
    ScreenTab.-open { color: $primary; text-style: bold reverse; }
    """

    def __init__(self, mode: str, *, opened: bool) -> None:
        super().__init__(SCREENS[mode], id=f"to-{mode}", classes="-open" if opened else "", markup=False)
        self.mode = mode

    def on_click(self) -> None:
        self.app.switch_mode(self.mode)


class Notice(Static):
    """What goes on, at the right; a click opens the screen that says more."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Notice { width: 1fr; text-align: right; padding: 0 1; color: $foreground-muted; height: 1; }
    """

    def on_click(self, event: events.Click) -> None:
        app: DormouseApp = self.app  # type: ignore[assignment]
        if app.outlook is not None and app.outlook.alarms:
            app.show_alarms()
        elif app.night.running:
            app.switch_mode("night")


class TopBar(Horizontal):
    """One line high. `opened` is the mode it stands in."""

    DEFAULT_CSS = """
    TopBar { height: 1; dock: top; background: $surface; }
    TopBar > #name { width: auto; padding: 0 1; text-style: bold; color: $primary; }
    """

    def __init__(self, opened: str) -> None:
        super().__init__()
        self._opened = opened
        self._told, self._agent_name = Content(""), ""

    def compose(self) -> ComposeResult:
        yield Static("dormouse", id="name", markup=False)
        for mode in SCREENS:
            yield ScreenTab(mode, opened=mode == self._opened)
        yield Notice("opening its home", markup=False)

    def on_mount(self) -> None:
        self.set_interval(0.5, self.refresh_notice)
        self.refresh_notice()

    def refresh_notice(self) -> None:
        """Say what goes on now."""
        app: DormouseApp = self.app  # type: ignore[assignment]
        if app.outlook is not None and app.outlook.status.name != self._agent_name:
            self._agent_name = app.outlook.status.name
            self.query_one("#name", Static).update(Content(self._agent_name))
        told = notice(app)
        if told != self._told:
            self._told = told
            self.query_one(Notice).update(told)


def notice(app: DormouseApp) -> Content:
    """Alarms first, then a night, then where the agent is."""
    if app.download:
        return Content(app.download)
    if app.agent is None:
        return Content("opening its home ...")
    parts: list[Content] = []
    outlook = app.outlook
    if outlook is not None and outlook.alarms:
        count = len(outlook.alarms)
        parts.append(Content.styled(f"! {count} alarm{'s' if count > 1 else ''}", "$text-error bold"))
    stage = app.night.current
    if stage is not None:
        share = f" {stage.share:.0%}" if stage.total > 1 else ""
        parts.append(Content.styled(f"asleep: {stage.name}{share}", "$text-secondary"))
    elif app.night_asked:
        parts.append(Content.styled("falling asleep", "$text-secondary"))
    if outlook is not None:
        parts.append(Content("daemon" if outlook.daemon is not None else "embedded"))
    return Content(" · ").join(parts)
