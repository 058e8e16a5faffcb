"""The chat screen: sessions, the conversation with its prompt, and the panel of the tiers.

Promise: everything a key does, a command and a click do too; nothing said is lost when a turn is refused.
Knows the parts and what happens between them; the commands themselves stand in `doing`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input, OptionList

from ..asking import Reading
from ..bar import TopBar
from ..calling import ask, begin
from ..clock import ago
from ..messages import (
    CommandGiven,
    Ended,
    Happened,
    Looked,
    NightMoved,
    Permission,
    SessionChosen,
    SourceOpened,
    Typed,
)
from ..room import Room
from . import commands
from .calls import Approval
from .composer import Composer
from .conversation import Conversation
from .doing import Doing
from .prompt import Prompt
from .sessions import SessionsPane
from .tiers import TiersPanel
from .turn_run import TurnRun, WaitingRun
from .waiting import waiting_words

if TYPE_CHECKING:
    from ....graphs.events import Asked
    from ....runtime.records import Reply, TurnView
    from ..abc import Companion


class ChatScreen(Room):
    """Where one talks."""

    DEFAULT_CSS = """
    ChatScreen { layers: base over; }
    ChatScreen #body { height: 1fr; }
    ChatScreen #talk { width: 1fr; height: 1fr; }
    ChatScreen #conversation, ChatScreen Composer { width: 100%; max-width: 120; }
    ChatScreen #talk { align-horizontal: center; }
    ChatScreen #sessions, ChatScreen #tiers { display: none; height: 1fr; }
    ChatScreen.-wide #sessions, ChatScreen.-wide #tiers, ChatScreen.-normal #tiers { display: block; }
    ChatScreen.-hide-sessions #sessions, ChatScreen.-hide-tiers #tiers { display: none; }
    ChatScreen.-open-sessions #sessions { display: block; layer: over; dock: left; }
    ChatScreen.-open-tiers #tiers { display: block; layer: over; dock: right; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give('stop')", "Stop", priority=True),
        Binding("f5", "give('sessions')", "Sessions", priority=True),
        Binding("f6", "give('tiers')", "Tiers", priority=True),
        Binding("f7", "give('retry')", "Retry", priority=True),
        Binding("f8", "give('edit')", "Edit", priority=True),
        Binding("f9", "give('copy')", "Copy", priority=True),
        Binding("ctrl+n", "give('new')", "New", show=False, priority=True),
        Binding("ctrl+f", "give('search')", "Search", show=False, priority=True),
        Binding("pageup", "scroll(-1)", "Scroll up", show=False),
        Binding("pagedown", "scroll(1)", "Scroll down", show=False),
        Binding("ctrl+c", "interrupt", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.run: TurnRun | None = None
        self.last: tuple[str, int] = ("", 0)
        self.editing = False
        self.starting = False
        self._doing = Doing(self)

    @property
    def conversation(self) -> Conversation:
        return self.query_one(Conversation)

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    @property
    def panes(self) -> SessionsPane:
        return self.query_one(SessionsPane)

    def compose(self) -> ComposeResult:
        yield TopBar("chat")
        with Horizontal(id="body"):
            yield SessionsPane()
            with Vertical(id="talk"):
                yield Conversation()
                yield Composer()
            yield TiersPanel()
        yield Footer(compact=True)

    async def on_mount(self) -> None:
        self.prompt.focus()
        await self.conversation.show(())
        self.watch(self.app, "agent", self._opened)

    def _opened(self, agent: Companion | None) -> None:
        if agent is not None:
            self.panes.reload()
            ask(self, agent.warm_up, lambda _: self.dormouse.look(), group="warm")
            ask(self, lambda: waiting_words(agent), self._tell_what_waits, group="waiting")

    def _tell_what_waits(self, words: str) -> None:
        if words:
            self.notify(words, timeout=12, markup=False)

    def on_screen_resume(self) -> None:
        self.panes.reload()
        self.query_one(TiersPanel).refresh_tiers()

    def action_give(self, name: str) -> None:
        self.post_message(CommandGiven(name))

    def action_scroll(self, pages: int) -> None:
        """The tiers where they stand over the conversation, else that."""
        over = self.has_class("-open-tiers")
        scrolled = self.query_one(TiersPanel) if over else self.conversation
        if pages < 0:
            scrolled.scroll_page_up(animate=False)
        else:
            scrolled.scroll_page_down(animate=False)

    def action_interrupt(self) -> None:
        """Ctrl+C copies what is selected; else it stops the answer; else it says how to leave."""
        if selected := self.get_selected_text() or self.prompt.selected_text:
            self._doing.to_clipboard(selected, "What was selected")
        elif self.run is not None:
            self.action_give("stop")
        else:
            self.notify("Ctrl+Q leaves.")

    def on_command_given(self, message: CommandGiven) -> None:
        message.stop()
        self._doing.give(message.name, message.argument)

    def on_typed(self, message: Typed) -> None:
        message.stop()
        command = commands.parsed(message.text)
        if command is not None:
            name, argument = command
            if name not in commands.BY_NAME:
                self.notify(f"There is no command /{name[:40]}; /help lists those there are.", markup=False)
                return
            self.prompt.sent(message.text)
            self._doing.give(name, argument)
        else:
            self.say(commands.said(message.text))

    def say(self, text: str, variation: int = 0) -> None:
        """Have a turn answered, in the session talked in or a new one."""
        agent, session = self.agent, self.dormouse.session
        if agent is None:
            self.notify("The home is still being opened; a moment.")
        elif self.run is not None or self.starting:
            self.notify("It is still answering; Esc stops it.")
        else:
            self.starting = True
            self.prompt.sent(text)
            again = self.editing

            def prepared() -> str:
                from ....runtime.inputs import checked_turn

                checked_turn(text, agent.spec.memory.max_turn_chars)  # what is refused takes nothing back
                if again and session is not None:
                    agent.take_back(session)
                return session or agent.new_session()

            ask(
                self,
                prepared,
                lambda id: self._begin(agent, id, text, variation, again),
                group="say",
                otherwise=lambda: self._not_begun(text),
            )

    def _not_begun(self, text: str) -> None:
        self.starting = False
        self.prompt.set_class(self.editing, "-editing")
        self._give_back(text)

    def _give_back(self, text: str) -> None:
        """What could not be said stands in the prompt again, unless something else does by now."""
        if not self.prompt.text:
            self.prompt.put(text)

    def _begin(self, agent: Companion, session: str, text: str, variation: int, again: bool) -> None:
        self.dormouse.session, self.last = session, (text, variation)
        self.run = TurnRun(agent, session, text, variation, self.post_message)
        self.starting = False
        self.leave_edit()
        begin(self, partial(self._watched, self.run, again), group="turn")

    def leave_edit(self) -> None:
        """What is said next takes the place of nothing."""
        self.editing = False
        self.prompt.remove_class("-editing")

    def go_on(self, session: str, call: Asked) -> None:
        """Ask for a yes or a no to a call that waits in this session, and go on with its turn."""
        if self.agent is not None and self.run is None and not self.starting:
            self.run = WaitingRun(self.agent, session, call, self.post_message)
            begin(self, partial(self._watched, self.run, False), group="turn")

    async def _watched(self, run: TurnRun, again: bool) -> None:
        if again:
            await self.conversation.withdraw_last()
        await self.conversation.begin(run)
        run.start()

    async def on_happened(self, message: Happened) -> None:
        await self.conversation.happened(message)

    async def on_permission(self, message: Permission) -> None:
        question = await self.conversation.ask(message)
        if self.prompt.text:
            self.notify("It asks whether a tool may be called; Shift+Tab goes there.")
        else:
            question.focus()

    async def on_ended(self, message: Ended) -> None:
        if self.run is None or message.turn != self.run.number:
            return
        run, self.run = self.run, None
        await self.conversation.end(message)
        if message.reply is None:
            self.notify(message.failure or "", severity="error", markup=False)
            if not run.heard:
                self._give_back(run.text)
        else:
            self._recalled(message.reply)
        if self.focused is None or isinstance(self.focused, Approval):
            self.prompt.focus()
        self.panes.reload()
        self.dormouse.look()

    def _recalled(self, reply: Reply) -> None:
        agent = self.agent
        if agent is not None:
            ask(
                self,
                lambda: agent.turns_by_id(reply.sources),
                self.query_one(TiersPanel).sources,
                group="sources",
            )

    def on_session_chosen(self, message: SessionChosen) -> None:
        message.stop()
        self._doing.resume(message.session)

    def on_source_opened(self, message: SourceOpened) -> None:
        message.stop()
        agent = self.agent
        if agent is not None:
            ask(self, lambda: agent.turns_by_id([message.turn]), self._show_source, group="source")

    def _show_source(self, turns: list[TurnView]) -> None:
        if turns:
            turn = turns[0]
            self.app.push_screen(
                Reading(f"Said {ago(turn.created_at)}, in session {turn.session}", self._doing.content(turn))
            )

    def on_looked(self, _: Looked) -> None:
        self.query_one(TiersPanel).refresh_tiers()

    def on_night_moved(self, _: NightMoved) -> None:
        self.query_one(TiersPanel).refresh_tiers()

    def toggle(self, panel: str) -> None:
        """Show or hide "sessions" or "tiers": in place where there is room, else over the conversation."""
        beside = self.has_class("-wide") or (panel == "tiers" and self.has_class("-normal"))
        self.toggle_class(f"-hide-{panel}" if beside else f"-open-{panel}")
        shown = self.query_one(f"#{panel}")
        if not shown.display:
            self.prompt.focus()
        elif panel == "sessions":
            shown.query_one(OptionList).focus()

    def close_panels(self) -> bool:
        """Whether any stood over the conversation."""
        over = self.has_class("-open-sessions") or self.has_class("-open-tiers")
        self.remove_class("-open-sessions", "-open-tiers")
        return over

    def focus_search(self, text: str) -> None:
        """Show the sessions, to search in them."""
        if not self.panes.display:
            self.toggle("sessions")
        if text:
            self.panes.find(text)
        else:
            self.panes.query_one(Input).focus()
