"""Talking with an agent: turns of its sessions, and questions asked aside.

Promise: what is said is in the journal before it is answered. The work stands in `graphs.wake`; this says
when a turn may be taken, and what its caller sees of it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from ..graphs.events import Approve, WakeEvent
from ..graphs.wake import Limits, WakeAnswer, WakeGraph, WakeTurn, served_by
from ..memory.errors import DormouseError, UnknownRecord
from ..memory.journal import ToolCall, Turn
from ..verifiers.abstention import abstained
from .inputs import checked_turn
from .napping import Napping
from .records import Answer, Reply, Tiers
from .screening import screen
from .turns import Cancelled, Emit, ReplyStream


class Talking(Napping):
    """The talking part of an agent."""

    _session: str | None
    _streams: weakref.WeakSet[ReplyStream]

    def new_session(self, session: str | None = None) -> str:
        """Begin a session with an empty context (or go back to one by its id); returns its id."""
        self._session = self._open().journal.open_session(session).id
        return self._session

    def chat(
        self, text: str, session: str | None = None, *, approve: Approve | None = None, wait: bool = False
    ) -> Reply:
        """Answer one turn of the current session, or of the one named, and journal both.

        `approve` is asked, from the turn's own thread, before a call of a tool that needs it; without it such
        a call is refused, or, with `wait`, the reply says what it waits for, and `resume` goes on from there.
        Raises BadTurn for a turn that is empty or too long, UnusableTool, EngineError and JournalError.
        """
        with self.stream(text, session, approve=approve, wait=wait) as pieces:
            for _ in pieces:
                pass
            return pieces.reply

    def stream(
        self,
        text: str,
        session: str | None = None,
        *,
        approve: Approve | None = None,
        wait: bool = False,
        variation: int = 0,
        once: str | None = None,
    ) -> ReplyStream:
        """As `chat`: the answer's pieces as they come, or all that happens (`.events()`); then `.reply`.

        A `variation` above 0 asks for another answer than the likeliest. `once` is an idempotency key, under
        which `heard` finds the turn again.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        space = self._open()
        if session is not None:
            session = space.journal.open_session(session).id
        elif self._session is None:
            session = self.new_session()
        else:
            session = self._session

        turn = WakeTurn(text, session, variation=variation, approve=approve, wait=wait, once=once)
        return self._streaming(lambda watched: self._take(watched), turn)

    def heard(self, key: str) -> list[Turn]:
        """The turn that was journaled under this idempotency key, and those that reply to it; none if it was
        not heard.
        """
        return [replace(turn, evidence=None) for turn in self._open().journal.written_under(key)]

    def waiting(self) -> list[ToolCall]:
        """The calls that wait for their owner's yes, the oldest first, from whatever process they are."""
        return self._open().journal.waiting_calls()

    def resume(
        self, call_id: int, approved: bool, *, approve: Approve | None = None, wait: bool = False
    ) -> ReplyStream:
        """Go on with the turn whose call waits for a yes or a no. Raises UnknownRecord if none does."""
        journal = self._open().journal
        waiting = [call for call in journal.waiting_calls() if call.id == call_id]
        if not waiting:
            raise UnknownRecord("waiting tool call", call_id)
        called = journal.turn(waiting[0].turn_id)
        asked = journal.turn(called.reply_to) if called.reply_to is not None else called
        turn = WakeTurn(asked.content, called.session_id, approve=approve, wait=wait)
        return self._streaming(lambda watched: self._resumed(call_id, approved, watched), turn)

    def ask(self, text: str, tiers: Tiers = "both", emit: Callable[[str], None] | None = None) -> Answer:
        """Answer a question in a new session that is not journaled.

        `tiers`: "weights" has the adapter and no retrieval, "store" retrieval and no adapter, "both" is the
        agent as it chats. `emit` is given the answer's pieces as they come. Raises BadTurn, EngineError and
        JournalError.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        turn = WakeTurn(
            text,
            recall=tiers != "weights",
            tools=tiers == "both",
            adapters=() if tiers == "store" else None,
        )
        if emit is not None:
            turn = replace(turn, emit=emit)
        self._open_both(turn.recall)
        taken = self._take(turn)
        completion = taken.completion
        return Answer(
            answer=completion.text,
            abstained=abstained(completion.text),
            sources=taken.sources,
            adapter=served_by(completion),
            tokens=len(completion.tokens),
            ms=round(taken.seconds * 1000),
            prompt_tokens=completion.prompt_tokens,
        )

    def _open_both(self, recall: bool) -> None:
        """The engine is opened first, and what finds earlier turns at the same time: each in a thread of its
        own, since an interrupt must not come to one that imports while another does.

        What goes wrong with that goes wrong again in the turn, and is told there.
        """
        space = self._open()
        if space.engine_open:
            return

        def opened(open: Callable[[], object]) -> threading.Thread:
            def work() -> None:
                with suppress(DormouseError):
                    open()

            thread = threading.Thread(target=work, name="dormouse-opening", daemon=True)
            thread.start()
            return thread

        opening = [opened(lambda: space.engine)]
        if recall and self.spec.memory.recall.enabled:
            opening.append(opened(lambda: space.episodes))
        for thread in opening:
            thread.join()

    @cached_property
    def _wake(self) -> WakeGraph:
        tools = self.spec.tools
        return WakeGraph(
            lambda: self._space.engine,
            self._space.journal,
            persona=self.spec.persona,
            memory=self.spec.memory,
            tools=self._space.tools(),
            limits=Limits(tools.max_steps, tools.timeout_s, tools.turn_tokens, tools.call_tokens),
            checkpoints=self._space.home.waiting_path,
            verifiers=self._verifiers,
            screen=lambda: screen(self._space),
            search=self._space.recalled,
            route=lambda turn_id: self._canary.stack(turn_id),
        )

    def _take(self, turn: WakeTurn) -> WakeAnswer:
        """Take a turn, once those before it are done; a night stands still meanwhile."""
        with self._answering():
            self._wake.offer(self._space.tools())
            taken = self._wake.run(turn)
            self._answered(taken.turn_id)
            return taken

    def _resumed(self, call_id: int, approved: bool, turn: WakeTurn) -> WakeAnswer:
        with self._answering():
            self._wake.offer(self._space.tools())
            taken = self._wake.resume(call_id, approved, turn)
            self._answered(taken.turn_id)
            return taken

    def _streaming(self, take: Callable[[WakeTurn], WakeAnswer], turn: WakeTurn) -> ReplyStream:
        """A turn taken in a thread of its own, watched through the stream."""

        def answer(emit: Emit, cancelled: Cancelled) -> Reply:
            def pass_on(event: WakeEvent) -> None:
                if event.kind != "token":  # its text comes by itself
                    emit(event)

            watched = replace(turn, emit=emit, on_event=pass_on, cancelled=cancelled)
            reply = self._reply(take(watched), turn.session_id or "")
            self._nap_after(reply.session)
            return reply

        stream = ReplyStream(answer)
        self._streams.add(stream)
        return stream

    def _reply(self, taken: WakeAnswer, session: str) -> Reply:
        completion = taken.completion
        turn_id = taken.turn_id if taken.waiting is None else taken.user_turn_id
        assert turn_id is not None
        return Reply(
            text=completion.text,
            session=session,
            turn_id=turn_id,
            abstained=abstained(completion.text),
            sources=taken.sources,
            adapter=served_by(completion),
            tokens=len(completion.tokens),
            ms=round(taken.seconds * 1000),
            interrupted=completion.finish == "cancelled" and taken.waiting is None,
            calls=taken.calls,
            waiting=taken.waiting,
        )
