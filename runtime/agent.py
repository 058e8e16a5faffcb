"""The agent: one assistant over one home. Chat with it, ask it, tell it, let it sleep.

Promise: what is said to it is in the journal before it answers. Puts the rooms below together, and holds no
rule of its own about memory, training or exams.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..graphs.context import keywords
from ..graphs.events import Approve, WakeEvent
from ..graphs.wake import Limits, WakeAnswer, WakeGraph, WakeTurn, served_by
from ..memory.engine import WakeEngine
from ..memory.errors import UnknownRecord
from ..memory.fifo_lock import FifoLock
from ..memory.home import Home, cache_path
from ..memory.journal import Memory, MemoryState, Session, Tombstone, ToolCall, Turn
from ..sleep.right_of_way import SOMEBODY, RightOfWay
from ..verifiers.abstention import abstained
from ..verifiers.declared import built, for_memories
from . import forgetting
from .asking import means_of
from .browsing import Browsing
from .chats import ChatReply, Chats, Heard
from .chats import Emit as ChatEmit
from .errors import AgentClosed
from .inputs import checked_turn, exam_items, read_exam, read_told, told_lines
from .night_run import Night
from .records import Answer, Reply, Tiers, ToldReport, ToldTurn
from .spec import Spec
from .turns import Cancelled, Emit, ReplyStream
from .workspace import Workspace

if TYPE_CHECKING:
    from ..graphs.chat import ChatRequest
    from ..memory.base_weights import BaseWeights
    from ..memory.gguf_file import Meter
    from ..sleep.exam import ExamItem, ExamReport
    from ..sleep.records import NightReport, Progress
    from .aio import AsyncAgent
    from .nights import NightView
    from .receipts import Receipt
    from .why import Explanation


def _unheard(event: object) -> None:
    pass


def _never_cancelled() -> bool:
    return False


class Agent(Browsing):
    """One assistant over one home. A context manager.

    Where a daemon owns the home this is the daemon's agent, called through its door; `attach` False, or an
    engine of one's own, refuses that. Where none does, no other process may open the home meanwhile.

    `spec` defaults to all defaults, `home` to DORMOUSE_HOME or the platform's data folder. `engine` and
    `base` replace the wake engine and base weights the spec names; `meter` is told how a download goes. The
    engine is opened by the first turn. Safe to use from several threads: turns are taken one after the
    other.
    """

    def __new__(cls, *_: Any, **given: Any) -> Self:
        if cls is Agent and given.get("attach", True) and not (given.get("engine") or given.get("base")):
            from .doors.at_home import daemon_at

            if daemon_at(given.get("home"), given.get("command")):
                from .doors.attached import AttachedAgent

                return object.__new__(AttachedAgent)  # type: ignore[return-value]
        return object.__new__(cls)

    def __init__(
        self,
        spec: Spec | None = None,
        *,
        home: str | Path | None = None,
        engine: WakeEngine | None = None,
        base: BaseWeights | None = None,
        meter: Meter | None = None,
        command: str = "a program using the dormouse library",
        attach: bool = True,
    ) -> None:
        self.spec = spec or Spec()
        self._space = Workspace(
            self.spec,
            Path(home) if home is not None else None,
            command=command,
            engine=engine,
            base=base,
            meter=meter,
        )
        if attach:
            from .doors.at_home import forget_daemon

            forget_daemon(self._space.home.path)
        self._session: str | None = None
        self._turn_lock = FifoLock()
        self._way = RightOfWay(self.spec.sleep.resume_after_s)
        self._night: Night | None = None
        self._night_lock = threading.Lock()
        self._streams: weakref.WeakSet[ReplyStream] = weakref.WeakSet()
        self._closed = False
        self._last_turn: float | None = None
        self.ticking: Callable[[], float] = time.monotonic
        """Seconds that pass, by which turns are dated."""

    @classmethod
    def load(cls, path: str | Path, *, home: str | Path | None = None) -> Self:
        """The agent the spec file at `path` describes. Raises UnreadableInput and SpecError."""
        return cls(Spec.load(path), home=home)

    @property
    def aio(self) -> AsyncAgent:
        """The same methods as coroutines."""
        from .aio import AsyncAgent

        return AsyncAgent(self)

    @property
    def home(self) -> Home:
        """Where it keeps what it knows."""
        return self._open().home

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know and nothing failed for, such as an adapter that may not be served."""
        return tuple(self._space.warnings)

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
    ) -> ReplyStream:
        """As `chat`: the answer's pieces as they come, or all that happens (`.events()`); then `.reply`.

        A `variation` above 0 asks for another answer than the likeliest.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        space = self._open()
        if session is not None:
            session = space.journal.open_session(session).id
        elif self._session is None:
            session = self.new_session()
        else:
            session = self._session

        turn = WakeTurn(text, session, variation=variation, approve=approve, wait=wait)
        return self._streaming(lambda watched: self._take(watched), turn)

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

    def ask(self, text: str, tiers: Tiers = "both") -> Answer:
        """Answer a question in a new session that is not journaled.

        `tiers`: "weights" has the adapter and no retrieval, "store" retrieval and no adapter, "both" is the
        agent as it chats. Raises BadTurn, EngineError and JournalError.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        turn = WakeTurn(
            text,
            recall=tiers != "weights",
            tools=tiers == "both",
            adapters=() if tiers == "store" else None,
        )
        taken = self._take(turn)
        completion = taken.completion
        return Answer(
            answer=completion.text,
            abstained=abstained(completion.text),
            sources=taken.sources,
            adapter=served_by(completion),
            tokens=len(completion.tokens),
            ms=round(taken.seconds * 1000),
        )

    def tell(
        self,
        told: str | Path | Iterable[ToldTurn | Mapping[str, Any]],
        progress: Callable[[int, int], None] | None = None,
        *,
        allow_forgotten: bool = False,
    ) -> ToldReport:
        """Say every turn of a `tell` file (or list), each in its session; each is answered, and both are
        journaled.

        What was forgotten is taken out of it, unless `allow_forgotten` lets it be told and learnt again.

        The whole of it is checked before the first turn is said. `progress` is given turns done and turns
        in all. Raises UnreadableInput, BadLine, EmptyInput, and what `chat` raises.
        """
        longest = self.spec.memory.max_turn_chars
        turns = read_told(Path(told), longest) if isinstance(told, str | Path) else told_lines(told, longest)
        replies, held_back = [], 0
        if allow_forgotten:
            self.allow_again([turn.content for turn in turns])
        for done, turn in enumerate(turns):
            if progress:
                progress(done, len(turns))
            words = self.withheld(turn.content)
            held_back += words != turn.content
            replies.append(self.chat(words, turn.session))
        if progress:
            progress(len(turns), len(turns))
        sessions = tuple(dict.fromkeys(turn.session for turn in turns))
        return ToldReport(len(turns), sessions, tuple(replies), held_back)

    def sleep(self, progress: Callable[[Progress], None] | None = None) -> NightReport:
        """Run a night over what was said since the last one; the new adapter, if published, answers from now
        on.

        Turns are taken meanwhile, and the night gives way to them. There is one night at a time: a second
        caller is told of the one that is running, and given what comes of it. Raises NightFailed and
        NightStopped.
        """
        self._open()
        return self._joined_night(progress)

    def _joined_night(
        self, progress: Callable[[Progress], None] | None = None, *, only_rebuild: bool = False
    ) -> NightReport:
        """The night that is running, else a new one, to its end."""
        with self._night_lock:
            if self._night is None or self._night.over:
                self._night = Night(lambda told: self._run_night(told, only_rebuild))
            else:
                self._way.lift(SOMEBODY)  # it was begun by itself; now it was asked for
            night = self._night
        return night.joined(progress)

    def _run_night(self, progress: Callable[[Progress], None], only_rebuild: bool) -> NightReport:
        from ..graphs.night_engine import NightEngine
        from ..graphs.sleep import NightContext, run_night

        space = self._open()
        self._way.begin()
        engine = NightEngine(space.engine, self._way, self._between_turns)
        night = NightContext(
            home=space.home,
            journal=space.journal,
            registry=space.registry,
            engine=engine,
            base=space.base,
            cache=cache_path(),
            settings=self.spec.sleep,
            exam=self.spec.exam,
            persona=self.spec.persona,
            seed=self.spec.sleep.seed,
            verifiers=for_memories(self.spec.verifiers, means_of(self.spec, lambda: engine)),
            only_rebuild=only_rebuild,
            way=self._way,
        )
        report = run_night(night, progress)
        if not only_rebuild:  # who asked for that alone settles it, and has the receipts
            self._settle()
        return report

    def exam(
        self,
        items: str | Path | Iterable[ExamItem | Mapping[str, Any]],
        tiers: Tiers = "weights",
        progress: Callable[[int, int], None] | None = None,
    ) -> ExamReport:
        """Ask every item of an `exam` file (or list), each in a session of its own, and judge the answers.

        Raises UnreadableInput, BadLine, EmptyInput, and what `ask` raises.
        """
        from ..sleep.exam import ask_items

        longest = self.spec.memory.max_turn_chars
        asked = (
            read_exam(Path(items), longest) if isinstance(items, str | Path) else exam_items(items, longest)
        )
        done = 0

        def ask(question: str) -> str:
            nonlocal done
            if progress:
                progress(done, len(asked))
            done += 1
            return self.ask(question, tiers).answer

        report = ask_items(asked, ask)
        if progress:
            progress(len(asked), len(asked))
        return report

    def forget(
        self,
        *ids: str,
        matching: str | None = None,
        now: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Receipt:
        """Forget memories by id, or all that hold the words `matching`: text, index, files, weights.

        The text is gone when this returns; the weights are made anew by the next night, or with `now` before
        this returns, and are then probed. Raises BadInput when nothing fits, UnknownRecord, NightFailed.
        """
        space = self._open()
        with self._no_night(), self._between_turns():
            forgetting.finish_erasing(space)
            receipt = forgetting.erase(space, forgetting.choose(space, ids, matching))
        if now and forgetting.weights_pending(space):
            self._joined_night(progress, only_rebuild=True)
        finished = {done.id: done for done in self._settle()}
        return finished.get(receipt.id, receipt)

    def withheld(self, text: str) -> str:
        """What of a text may be told: what was forgotten is taken out of it."""
        return forgetting.withheld(self._open(), text)

    def allow_again(self, texts: list[str]) -> None:
        """Allow what was forgotten, and stands in these texts, to be told and learnt again."""
        forgetting.lift_told(self._open(), texts)

    def unforget(self, id: str) -> Tombstone:
        """Allow what was forgotten under this id to be told and learnt again; it does not bring it back.

        Raises UnknownRecord.
        """
        return self._open().journal.lift(id)

    def _settle(self) -> list[Receipt]:
        """Probe what nights have made anew without the forgotten."""
        return forgetting.settle(self._open(), self._probe)

    def _probe(self, question: str, tiers: str) -> str:
        if tiers == "weights":
            return self.ask(question, "weights").answer
        if tiers == "both":
            return self.ask(question, "both").answer
        registry = self._space.registry
        head = registry.head()
        stack = (registry.mount(head.parent),) if head and head.parent else ()
        return self._take(WakeTurn(question, recall=False, tools=False, adapters=stack)).completion.text

    def memories(self, state: MemoryState | None = None) -> list[Memory]:
        """Every memory, or those in one state, the oldest first, with the ids of the turns each rests on."""
        return self._open().journal.memories(state)

    def night(self, id: str | None = None) -> NightView:
        """One night (the latest by default) with the verdict on every candidate. Raises BadInput."""
        from .nights import night_view

        return night_view(self._open().journal, id)

    def why(self, text: str) -> Explanation:
        """Which memories, turns, night and adapters are behind a question or an answer."""
        from .why import explain

        return explain(self._open(), text)

    def hear(self, request: ChatRequest, session: str | None = None, *, journal: bool = True) -> Heard:
        """Journal what is new in a chat of an app that keeps its own messages; `answer` then answers it.

        `session` names the session; without it, it is found by the messages before, or begun. With
        `journal=False` nothing is journaled or recalled. Raises BadTurn and JournalError.
        """
        for message in request.messages:
            if message.content.strip():
                checked_turn(message.content, self.spec.memory.max_turn_chars)
        self._open()
        return self._chats.hear(request, session, journal)

    def answer(
        self, heard: Heard, emit: ChatEmit = _unheard, cancelled: Cancelled = _never_cancelled
    ) -> ChatReply:
        """Answer what was heard, and journal the answer. `emit` is given its tokens and calls as they come,
        and `cancelled` is asked before each.

        Raises EngineError, ContextOverflow and JournalError.
        """
        with self._answering():
            return self._chats.answer(heard, emit, cancelled)

    def said(self, heard: Heard, text: str) -> int | None:
        """Journal what another model answered to what was heard; returns the turn's id, None for nothing."""
        self._open()
        return self._chats.said(heard, text)

    def remember(self, text: str, session: str | None = None, *, trusted: bool = True) -> int:
        """Journal `text` as the user's words, without answering; returns the turn's id.

        What is not `trusted` can be recalled, and no night trains on it. Raises BadTurn and JournalError.
        """
        checked_turn(text, self.spec.memory.max_turn_chars)
        journal = self._open().journal
        opened = journal.open_session(session)
        return journal.add_turn(opened.id, "user", text, trusted=trusted).id

    def recall(self, query: str, k: int = 5) -> list[tuple[Turn, float]]:
        """The `k` turns of the user's nearest to `query`, the nearest first, each with its score.

        Those that were remembered as not trusted are among them.
        """
        return self._open().journal.search(keywords(query), k, untrusted=True)

    def rollback(self, to: str | None = None) -> str | None:
        """Serve an earlier adapter again: the one before, that one, or none for `base`; returns its id.

        Raises UnknownAdapter and the like.
        """
        space = self._open()
        with self._between_turns():
            served = space.registry.rollback(to)
            if space.engine_open:
                space.mount_head(space.engine)
            space.warnings += [words for words in space.registry.warnings if words not in space.warnings]
        return served.id if served else None

    def sessions(self) -> list[Session]:
        """Every session, in the order they were begun."""
        return self._open().journal.sessions()

    def turns(self, session: str, after: int = 0) -> list[Turn]:
        """The turns of a session in order, those after the turn `after`, without the engine's evidence.

        Raises UnknownRecord.
        """
        turns = self._open().journal.turns(session)
        return [replace(turn, evidence=None) for turn in turns if turn.id > after]

    @property
    def space(self) -> Workspace:
        """What it has open, for code that looks after it in the same process. Raises AgentClosed."""
        return self._open()

    @property
    def last_turn(self) -> float | None:
        """When a turn was last being answered, by `ticking`; None before the first."""
        return self._last_turn

    @property
    def way(self) -> RightOfWay:
        """What a night of this agent gives way to."""
        return self._way

    @property
    def sleeping(self) -> Night | None:
        """The night being slept now."""
        night = self._night
        return None if night is None or night.over else night

    def unload(self) -> bool:
        """Give the engine's memory back until the next turn or night. Whether there was any to give back."""
        with self._night_lock:
            if self.sleeping is not None:
                return False
            with self._between_turns():
                self.__dict__.pop("_wake", None)  # it holds on to the engine
                return self._open().unload()

    def close(self) -> None:
        """Stop a turn being answered and a night, close the engine, let go of the home. Safe to call twice.

        A night that is stopped is gone on with by the next one.
        """
        self._closed = True
        self._way.stop()
        for stream in list(self._streams):
            stream.close()
        if self._night is not None:
            self._night.join()
        with self._between_turns():
            self._space.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _wake(self) -> WakeGraph:
        tools = self.spec.tools
        means = means_of(self.spec, lambda: self._space.engine)
        return WakeGraph(
            lambda: self._space.engine,
            self._space.journal,
            persona=self.spec.persona,
            memory=self.spec.memory,
            tools=self._space.tools,
            limits=Limits(tools.max_steps, tools.timeout_s, tools.turn_tokens, tools.call_tokens),
            checkpoints=self._space.home.waiting_path,
            verifiers=[built(declared, means) for declared in self.spec.awake],
            screen=forgetting.screen(self._space),
            search=self._space.recalled,
        )

    @cached_property
    def _chats(self) -> Chats:
        return Chats(self._space.journal, lambda: self._space.engine, self.spec.persona, self.spec.memory)

    def _take(self, turn: WakeTurn) -> WakeAnswer:
        """Take a turn, once those before it are done; a night stands still meanwhile."""
        with self._answering():
            return self._wake.run(turn)

    def _resumed(self, call_id: int, approved: bool, turn: WakeTurn) -> WakeAnswer:
        with self._answering():
            return self._wake.resume(call_id, approved, turn)

    def _streaming(self, take: Callable[[WakeTurn], WakeAnswer], turn: WakeTurn) -> ReplyStream:
        """A turn taken in a thread of its own, watched through the stream."""

        def answer(emit: Emit, cancelled: Cancelled) -> Reply:
            def pass_on(event: WakeEvent) -> None:
                if event.kind != "token":  # its text comes by itself
                    emit(event)

            watched = replace(turn, emit=emit, on_event=pass_on, cancelled=cancelled)
            return self._reply(take(watched), turn.session_id or "")

        stream = ReplyStream(answer)
        self._streams.add(stream)
        return stream

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Around a turn being answered: a night stands still, and other turns wait."""
        with self._way.turn(), self._between_turns():
            self._open()
            self._last_turn = self.ticking()
            try:
                yield
            finally:
                self._last_turn = self.ticking()

    @contextmanager
    def _no_night(self) -> Iterator[None]:
        """Once the night that is running has ended, and while none is begun."""
        with self._night_lock:
            if self._night is not None:
                self._way.lift(SOMEBODY)
                self._night.join()
            yield

    @contextmanager
    def _between_turns(self) -> Iterator[None]:
        """While no turn is being answered, each caller in the order they came."""
        ticket = self._turn_lock.acquire()
        try:
            yield
        finally:
            self._turn_lock.release(ticket)

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

    def _open(self) -> Workspace:
        if self._closed:
            raise AgentClosed
        return self._space
