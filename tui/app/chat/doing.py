"""What the chat's commands do.

Promise: what cannot be undone is asked about first; a command that does not fit now says why. Knows the
commands one by one; nothing of keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from ..asking import Confirm, Reading
from ..calling import ask, begin
from ..explaining import forgotten, origin
from .commands import COMMANDS
from .waiting import waiting_call

if TYPE_CHECKING:
    from ....runtime.records import TurnView
    from ....runtime.why import Explanation
    from .screen import ChatScreen

_CODE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_KEYS = """
Enter sends · Ctrl+J a new line · Esc stops the answer
up and down go through what was said
F2 F3 F4 chat, memory, night · F5 sessions · F6 tiers
F7 retry · F8 edit · F9 copy · Ctrl+N new session
Ctrl+F search · Ctrl+P palette · F1 keys · Ctrl+Q leaves
PgUp PgDn scroll the conversation, or tiers over it
Tab, Shift+Tab reach lists, tiers, and calls of tools
Enter opens such a call, or what was recalled
// at the beginning says a single /
the mouse selects, and Ctrl+C copies
""".strip()


class Doing:
    """The commands of one chat screen."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._commands: dict[str, Callable[[str], None]] = {
            "new": self._new,
            "sessions": lambda _: screen.toggle("sessions"),
            "search": screen.focus_search,
            "rename": self._rename,
            "retry": self._retry,
            "edit": self._edit,
            "stop": self._stop,
            "copy": self._copy,
            "why": self._why,
            "memory": lambda _: self._switch("memory"),
            "night": lambda _: self._switch("night"),
            "sleep": lambda _: screen.dormouse.sleep(),
            "forget": self._forget,
            "tiers": lambda _: screen.toggle("tiers"),
            "theme": self._theme,
            "alarms": lambda _: screen.dormouse.show_alarms(),
            "help": self._help,
            "quit": lambda _: screen.dormouse.action_leave(),
            "back": lambda _: self._back(),
            "earlier": lambda _: self._earlier(),
        }

    def give(self, name: str, argument: str) -> None:
        """Do it."""
        self._commands[name](argument)

    def resume(self, session: str) -> None:
        """Go on with a session."""
        screen, agent = self._screen, self._screen.agent
        if self._busy() or agent is None:
            return
        screen.dormouse.session = session
        ask(screen, lambda: agent.transcript(session), self._shown, group="transcript")

    def content(self, turn: TurnView) -> Content:
        return Content(turn.content)

    def to_clipboard(self, text: str, what: str) -> None:
        self._screen.app.copy_to_clipboard(text)
        self._screen.notify(f"{what} is in the clipboard.")

    def _shown(self, turns: list[TurnView]) -> None:
        screen = self._screen
        said = [turn.content for turn in turns if turn.role == "user"]
        screen.prompt.remember(said)
        screen.last = (said[-1] if said else "", 0)
        screen.leave_edit()
        self._back()
        begin(screen, partial(self._show, turns), group="show")
        screen.panes.reload()
        screen.dormouse.look()

    async def _show(self, turns: list[TurnView]) -> None:
        screen = self._screen
        await screen.conversation.show(turns)
        if (call := waiting_call(turns)) is not None and screen.dormouse.session is not None:
            screen.go_on(screen.dormouse.session, call)

    def _new(self, _: str) -> None:
        if not self._busy():
            self._screen.dormouse.session = None
            self._shown([])

    def _earlier(self) -> None:
        """The whole session, from its beginning."""
        screen, agent, session = self._screen, self._screen.agent, self._screen.dormouse.session
        if agent is None or session is None or self._busy():
            return

        def show(turns: list[TurnView]) -> None:
            begin(screen, partial(screen.conversation.show_all, turns), group="show")

        ask(screen, lambda: agent.transcript(session), show, group="transcript")

    def _rename(self, title: str) -> None:
        screen, session, agent = self._screen, self._screen.dormouse.session, self._screen.agent
        if session is None or agent is None:
            screen.notify("Nothing was said in this session yet.")
        elif title:
            ask(
                screen,
                lambda: agent.rename_session(session, title),
                lambda _: screen.panes.reload(),
                group="rename",
            )
        else:
            screen.panes.rename(session, "")

    def _retry(self, _: str) -> None:
        screen = self._screen
        text, variation = screen.last
        if self._busy():
            return
        if screen.dormouse.session is None or not text:
            screen.notify("There is nothing to ask again.")
            return
        screen.editing = True
        screen.say(text, variation + 1)

    def _edit(self, _: str) -> None:
        screen = self._screen
        if self._busy():
            return
        if screen.dormouse.session is None or not screen.last[0]:
            screen.notify("There is nothing to say differently.")
            return
        screen.editing = True
        screen.prompt.put(screen.last[0])
        screen.prompt.add_class("-editing")
        screen.prompt.focus()
        screen.notify("Enter says it instead of your last turn; Esc leaves that as it is.")

    def _stop(self, _: str) -> None:
        screen = self._screen
        if screen.run is not None:
            screen.run.stop()
        elif screen.editing:
            screen.leave_edit()
            screen.prompt.put("")
        else:
            self._back()

    def _copy(self, argument: str) -> None:
        text = self._screen.conversation.last_answer
        if argument == "code":
            text = "\n".join(_CODE.findall(text))
        if text.strip():
            self.to_clipboard(text, "The code" if argument == "code" else "The answer")
        else:
            self._screen.notify("There is nothing to copy.")

    def _why(self, argument: str) -> None:
        screen, agent = self._screen, self._screen.agent
        text = argument or screen.conversation.last_answer
        if agent is None or not text.strip():
            screen.notify("There is no answer to explain yet.")
            return

        def shown(found: Explanation) -> None:
            screen.app.push_screen(Reading("Why", origin(found)))

        ask(screen, lambda: agent.why(text), shown, group="why")

    def _forget(self, argument: str) -> None:
        screen, agent = self._screen, self._screen.agent
        if agent is None or not argument:
            screen.notify("/forget TEXT forgets everything that holds these words; F3 lists the memories.")
            return

        def answered(yes: bool | None) -> None:
            if yes:
                screen.notify("Forgetting ...")
                ask(
                    screen,
                    lambda: agent.forget(matching=argument),
                    lambda receipt: screen.app.push_screen(Reading("Forgotten", forgotten(receipt))),
                    group="forget",
                    exclusive=False,
                )

        detail = (
            "The text goes from journal, index and files at once, and from the weights in the next night."
        )
        question = f"Forget everything that holds “{argument[:60]}”? It cannot be undone."
        screen.app.push_screen(Confirm(question, "Forget", detail=detail), answered)

    def _theme(self, name: str) -> None:
        app = self._screen.dormouse
        if not name:
            app.action_change_theme()
        elif name in app.available_themes:
            app.theme = name
        else:
            app.notify(
                f"There is no theme {name[:40]!r}; there are {', '.join(app.available_themes)}.", markup=False
            )

    def _help(self, _: str) -> None:
        lines = [Content.assemble((f"/{c.name} {c.takes}".ljust(18), "bold"), c.help) for c in COMMANDS]
        self._screen.app.push_screen(
            Reading("What can be done here", Content("\n").join([*lines, Content(""), Content(_KEYS)]))
        )

    def _switch(self, mode: str) -> None:
        self._screen.app.switch_mode(mode)

    def _back(self) -> None:
        self._screen.close_panels()
        self._screen.prompt.focus()

    def _busy(self) -> bool:
        busy = self._screen.run is not None or self._screen.starting
        if busy:
            self._screen.notify("It is still answering; Esc stops it.")
        return busy
