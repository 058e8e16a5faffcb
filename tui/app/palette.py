"""The command palette: every slash command, and every session by its title. Knows names, not what they do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider

from .calling import begin, in_thread
from .chat.commands import COMMANDS
from .messages import CommandGiven, SessionChosen

if TYPE_CHECKING:
    from .app import DormouseApp


_Entry = tuple[str, str, Callable[[], None]]


class Commands(Provider):
    """What can be done, and where one can go."""

    async def startup(self) -> None:
        app: DormouseApp = self.app  # type: ignore[assignment]
        self._titles: list[tuple[str, str]] = []
        if app.agent is not None:
            views = await in_thread(app.agent.session_views)
            self._titles = [(view.title or view.id, view.id) for view in views]

    async def discover(self) -> Hits:
        for text, help, run in self._entries():
            yield DiscoveryHit(text, run, help=help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        sessions: list[_Entry] = [
            (f"Session: {title}", "", partial(self._go, id)) for title, id in self._titles
        ]
        for text, help, run in [*self._entries(), *sessions]:
            if (score := matcher.match(text)) > 0:
                yield Hit(score, matcher.highlight(text), run, help=help or None)

    def _entries(self) -> list[_Entry]:
        return [(f"/{one.name}", one.help, partial(self._give, one.name)) for one in COMMANDS]

    def _give(self, name: str) -> None:
        self._in_chat(CommandGiven(name))

    def _go(self, session: str) -> None:
        self._in_chat(SessionChosen(session))

    def _in_chat(self, message: CommandGiven | SessionChosen) -> None:
        """Every command is the chat's; it may open another screen itself."""

        async def post() -> None:
            await self.app.switch_mode("chat")
            self.app.screen.post_message(message)

        begin(self.app, post, group="palette")
