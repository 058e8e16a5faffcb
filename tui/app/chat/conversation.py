"""The conversation: the turns of a session, the newest at the bottom, and the one that is being answered.

Promise: it follows the newest words until somebody scrolls up; what comes fast is drawn a few times a second,
so that keys are not kept waiting. Knows how turns follow each other; nothing of agents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from ..messages import CommandGiven, Ended, Happened, Permission
from .calls import Approval, CallFold
from .turn_run import TurnRun
from .words import Remark, UserTurn

if TYPE_CHECKING:
    from ....runtime.records import TurnView
    from .turns import AnswerTurn

_SHOWN_TURNS = 16  # each is laid out anew with every few words that come; a key waits meanwhile
_MOST_WIDGETS = 2 * _SHOWN_TURNS
_DRAWN_EVERY_S = 1 / 12
_DOING = {
    "hear": "listening ...",
    "recall": "recalling ...",
    "decide": "thinking about tools ...",
    "permit": "thinking about tools ...",
    "act": "using a tool ...",
    "generate": "",
    "record": "",
    "verify": "being judged ...",
}
WELCOME = Content.from_markup(
    "[bold $primary]A new session, with an empty context.[/]\n\n"
    "What you say is journaled, and learnt in the next night.\n"
    "[bold]/[/] lists the commands, [bold]ctrl+p[/] finds anything, [bold]F1[/] shows the keys."
)


class Conversation(VerticalScroll):
    """What was said in one session."""

    DEFAULT_CSS = """
    Conversation { height: 1fr; padding: 0 0 1 0; scrollbar-gutter: stable; }
    Conversation > .earlier { height: 1; border: none; margin: 1 2 0 2; width: auto; background: $panel; }
    Conversation > Remark.-welcome { text-style: none; text-align: center; margin-top: 2; }
    """

    def __init__(self) -> None:
        super().__init__(id="conversation")
        self._run: TurnRun | None = None
        self._answer: AnswerTurn | None = None
        self._calls: dict[int | None, CallFold] = {}
        self._drawing = False

    def on_mount(self) -> None:
        self.anchor()
        self.set_interval(_DRAWN_EVERY_S, self._draw)

    @property
    def last_answer(self) -> str:
        """The words of the newest answer."""
        from .turns import AnswerTurn

        answers = list(self.query(AnswerTurn))
        return answers[-1].text if answers else ""

    async def show(self, turns: Sequence[TurnView], shown: int = _SHOWN_TURNS) -> None:
        """Show a session from its latest turns; those before can be asked for."""
        self._run = self._answer = None
        await self.remove_children()
        widgets: list[Widget] = []
        if len(turns) > shown:
            widgets.append(
                Button(f"Show {len(turns) - shown} earlier turns", classes="earlier", compact=True)
            )
        for turn in turns[-shown:]:
            widgets += _widgets(turn)
        await self.mount_all(widgets or [Remark(WELCOME, classes="-welcome")])
        self.anchor()

    async def begin(self, run: TurnRun) -> None:
        """A turn is being answered."""
        from .turns import AnswerTurn

        await self.query(".-welcome").remove()
        await self._shorten()
        self._run, self._answer, self._calls = run, AnswerTurn(), {}
        await self.mount_all([self._answer] if run.heard else [UserTurn(run.text), self._answer])
        self._answer.waiting("listening ...")
        self.anchor()

    async def happened(self, message: Happened) -> None:
        """Something of the turn beside its words."""
        answer, event = self._answer, message.event
        if answer is None or self._run is None or message.turn != self._run.number:
            return
        if event.kind == "node":
            if not answer.text and event.node in _DOING:
                answer.waiting(_DOING[event.node])
        elif event.kind == "call":
            self._calls[event.id] = fold = CallFold(event.name, event.arguments)
            await self.mount(fold, before=answer)
        elif event.kind == "result":
            known = self._calls.get(event.id)
            if known is None:
                known = self._calls[event.id] = CallFold(event.name, {})
                await self.mount(known, before=answer)
            known.ended(event.state, event.result)
        elif event.kind == "verdict":
            judged = self._calls.get(event.call_id) if event.call_id is not None else None
            (judged or answer).judged(event)

    async def ask(self, message: Permission) -> Approval:
        """Ask for a yes or a no, where the call will stand."""
        question = Approval(message.asked, message.answer)
        if self._answer is not None:
            self._answer.waiting("waiting for your yes or no ...")
        await self.mount(question, before=self._answer)
        question.scroll_visible()
        return question

    async def end(self, message: Ended) -> None:
        """The turn is over."""
        if self._answer is None or self._run is None or message.turn != self._run.number:
            return
        await self._drain()
        answer, reply = self._answer, message.reply
        if reply is not None and reply.text and not answer.text:
            await answer.append(reply.text)
        answer.ended(reply, message.failure)
        self._run = self._answer = None

    async def withdraw_last(self) -> None:
        """Take the last exchange out of view."""
        users = [child for child in self.children if isinstance(child, UserTurn)]
        if users:
            last = list(self.children)[list(self.children).index(users[-1]) :]
            for child in last:
                await child.remove()

    async def remark(self, words: str | Content) -> None:
        """A line of the application's own."""
        await self.mount(Remark(words, markup=False))

    async def show_all(self, turns: Sequence[TurnView]) -> None:
        """Show a session from its beginning."""
        await self.show(turns, len(turns))
        self.release_anchor()
        self.scroll_home(animate=False)

    async def _shorten(self) -> None:
        """Leave the oldest turns out of view, once there are many."""
        turns = [child for child in self.children if not child.has_class("earlier")]
        if len(turns) > _MOST_WIDGETS:
            for child in turns[:-_SHOWN_TURNS]:
                await child.remove()
            if not self.query(".earlier"):
                await self.mount(_earlier(), before=0)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.has_class("earlier"):
            event.stop()
            self.post_message(CommandGiven("earlier"))

    async def _draw(self) -> None:
        if self._run is not None and not self._drawing:
            await self._drain()

    async def _drain(self) -> None:
        self._drawing = True
        try:
            if self._run is not None and self._answer is not None and (words := self._run.drained()):
                if not self._answer.text:
                    self._answer.waiting("")
                await self._answer.append(words)
        finally:
            self._drawing = False


def _earlier() -> Button:
    return Button("Show the earlier turns", classes="earlier", compact=True)


def _widgets(turn: TurnView) -> list[Widget]:
    from .turns import AnswerTurn, about_turn

    if turn.role == "user":
        return [UserTurn(turn.content)]
    if turn.role == "tool":
        return [CallFold.of(call) for call in turn.calls] or [Remark(turn.content, markup=False)]
    if turn.role == "assistant":
        return [AnswerTurn(turn.content, about=about_turn(turn, turn.verdicts))]
    return []
