"""The application: three screens over one agent, which is opened behind the first picture.

Promise: the first picture does not wait for the agent, and no key waits for a call of it; what is running is
looked after until the end. Knows the screens and the agent's calls; nothing of engines or journals.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.filter import LineFilter, NoColor
from textual.reactive import reactive
from textual.screen import Screen

from . import themes
from .abc import Companion
from .asking import Confirm, Reading
from .calling import ask, begin, in_thread
from .chat.screen import ChatScreen
from .following import Follower
from .messages import Looked, NightMoved
from .night_log import NightLog
from .outlook import Outlook, look
from .rejoining import Rejoining

if TYPE_CHECKING:
    from textual.command import Provider

_LOOK_EVERY_S = 10.0
_LEFT = "The daemon has stopped. What you say next is answered without it, unless it is back by then."
_HERE = "The home is open in this program now; it answers by itself."
_BACK = "The daemon is back."
_DRAWN_FIRST_S = 0.05  # opening an agent imports much, and would hold the first picture up


def _memory_screen() -> Screen[None]:
    from .memory.screen import MemoryScreen

    return MemoryScreen()


def _night_screen() -> Screen[None]:
    from .night.screen import NightScreen

    return NightScreen()


def _commands() -> type[Provider]:
    from .palette import Commands

    return Commands


def _load_the_rest() -> None:
    """What the first picture does without."""
    from . import palette  # noqa: F401
    from .chat import turns  # noqa: F401


class DormouseApp(App[None]):
    """`open_agent` is called in a thread, once the first picture is drawn; what it raises is kept in
    `failure`, and ends the application. Whoever made the agent closes it.
    """

    TITLE = "Dormouse"
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        "chat": ChatScreen,
        "memory": _memory_screen,
        "night": _night_screen,
    }
    DEFAULT_MODE = "chat"
    COMMANDS = App.COMMANDS | {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "toggle_help", "Keys", show=False),
        Binding("f2", "switch_mode('chat')", "Chat", show=False),
        Binding("f3", "switch_mode('memory')", "Memory", show=False),
        Binding("f4", "switch_mode('night')", "Night", show=False),
        Binding("pageup", "scroll_help(-1)", "Scroll up", show=False, priority=True),
        Binding("pagedown", "scroll_help(1)", "Scroll down", show=False, priority=True),
        Binding("ctrl+q", "leave", "Quit"),
    ]
    # An option keeps no "reverse" (Widget.get_visual_style): without colour the chosen one is underlined.
    CSS = """
    Toast { max-width: 76; width: 60; }
    OptionList > .option-list--option-highlighted { background: $panel; color: $foreground; }
    OptionList:focus > .option-list--option-highlighted { background: $boost; text-style: bold; }
    OptionList:ansi:focus > .option-list--option-highlighted { text-style: bold underline; }
    #completions > .option-list--option-highlighted { background: $border-blurred; }
    #completions:ansi > .option-list--option-highlighted { text-style: bold underline; }
    """

    agent: reactive[Companion | None] = reactive(None)
    outlook: reactive[Outlook | None] = reactive(None)

    def __init__(self, open_agent: Callable[[], Companion]) -> None:
        super().__init__()
        self._open_agent = open_agent
        self._follower: Follower | None = None
        self._warned: set[str] = set()
        self._left = False
        self.failure: Exception | None = None
        self.session: str | None = None
        self.download = ""
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.WITHOUT_COLOUR if "NO_COLOR" in os.environ else themes.DEFAULT

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Without colour means: whatever a part asked for, no colour is sent to the terminal."""
        filters = super().get_line_filters()
        return [*filters, NoColor()] if self.theme == themes.WITHOUT_COLOUR else filters

    @property
    def night(self) -> NightLog:
        """What has been told of the night that is slept, or was slept last."""
        return self._follower.log if self._follower else NightLog()

    @property
    def night_asked(self) -> bool:
        """Whether a night is under way, or was asked for."""
        return self._follower is not None and self._follower.asleep

    def on_mount(self) -> None:
        self.set_timer(_DRAWN_FIRST_S, self._begin)

    def _begin(self) -> None:
        begin(self, self._open, group="open")

    async def _open(self) -> None:
        try:
            await in_thread(_load_the_rest)
            agent: Companion = cast(Companion, await in_thread(lambda: Rejoining(self._open_agent)))
        except Exception as error:  # noqa: BLE001 (whoever ran the application raises it)
            self.failure = error
            self.exit()
            return
        self._choose_theme(agent.spec.chat.theme)
        self._follower = Follower(agent, self._night_moved, self._night_over)
        self.agent = agent
        self.look()
        self.set_interval(_LOOK_EVERY_S, self.look)

    def _choose_theme(self, name: str) -> None:
        if "NO_COLOR" in os.environ:
            return
        if name in self.available_themes:
            self.theme = name
        else:
            self.notify(f"There is no theme {name!r}; the spec's chat.theme names it.", markup=False)

    def downloading(self, what: str, done: int, total: int) -> None:
        """Told, from any thread, how a download goes."""
        self.download = f"{what}: {done >> 20} of {total >> 20} MiB" if done < total else ""

    def look(self) -> None:
        """Look at the agent anew; every screen is told."""
        agent, session, last = self.agent, self.session, self.outlook

        def seen() -> Outlook | None:
            from ...runtime.errors import DoorClosed

            try:
                return look(agent, session, last) if agent is not None else None
            except DoorClosed:
                return None

        if agent is not None:
            ask(self, seen, self._looked, group="look")

    def _looked(self, outlook: Outlook | None) -> None:
        """None is seen of a daemon that has gone: that is said once."""
        left, self._left = self._left, outlook is None
        if outlook is None:
            if not left:
                self.notify(_LEFT, severity="warning", timeout=12)
            return
        if left:
            self.notify(_HERE if outlook.daemon is None else _BACK)
        self.outlook = outlook
        for words in outlook.warnings:
            if words not in self._warned:
                self._warned.add(words)
                self.notify(words, severity="warning", timeout=12, markup=False)
        self.screen.post_message(Looked())

    def sleep(self) -> None:
        """Ask for a night."""
        if self._follower is None:
            self.notify("The home is still being opened.")
        elif self._follower.asleep:
            self.notify("A night is under way already.")
        else:
            self._follower.sleep()
            self.screen.post_message(NightMoved())

    def _night_moved(self) -> None:
        """From the follower's thread."""
        self.call_later(lambda: self.screen.post_message(NightMoved()))

    def _night_over(self) -> None:
        """From the follower's thread."""

        def show() -> None:
            log = self.night
            failed = log.report is None
            self.notify(log.outcome or "", severity="error" if failed else "information", markup=False)
            self.screen.post_message(NightMoved())
            self.look()

        self.call_later(show)

    def show_alarms(self) -> None:
        """Every alarm, to be read."""
        alarms = self.outlook.alarms if self.outlook else ()
        words = (
            Content("\n\n").join(Content(f"! {alarm}") for alarm in alarms) if alarms else Content("None.")
        )
        self.push_screen(Reading("Alarms", words))

    def action_toggle_help(self) -> None:
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys that scroll the help are its own only while it is seen."""
        return action != "scroll_help" or bool(self.screen.query("HelpPanel"))

    def action_scroll_help(self, pages: int) -> None:
        shown = self.screen.query_one("KeyPanel")
        if pages < 0:
            shown.scroll_page_up(animate=False)
        else:
            shown.scroll_page_down(animate=False)

    def action_leave(self) -> None:
        """Quit; a night that would be stopped by it is mentioned first."""
        here = self.outlook is None or self.outlook.daemon is None
        if not (self.night_asked and here):
            self.exit()
            return
        question = Confirm(
            "A night is being slept here. Leave all the same?",
            "Leave",
            detail="It stops where it is, and the next night goes on with it.",
        )
        self.push_screen(question, lambda yes: self.exit() if yes else None)

    def on_unmount(self) -> None:
        if self._follower is not None:
            self._follower.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        yield SystemCommand(
            "Theme", "Choose how it looks: dusk, dawn, plain, and others", self.action_change_theme
        )
        yield SystemCommand("Keys", "Show every key of this screen", self.action_toggle_help)
        yield SystemCommand("Quit", "Leave", self.action_leave)
