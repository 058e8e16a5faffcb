"""The agent: one assistant over one home. Chat with it, ask it, tell it, let it sleep.

Promise: what is said to it is in the journal before it answers. Puts the rooms below together, and holds no
rule of its own about memory, training or exams. Its parts stand beside it: `talking`,
`listening`, `sleeping`, `unlearning`, `browsing`.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..memory.engine import WakeEngine
from ..memory.fifo_lock import FifoLock
from ..memory.home import Home
from ..memory.journal import Memory, MemoryState, Session, Turn
from ..sleep.right_of_way import RightOfWay
from .browsing import Browsing
from .inputs import exam_items, read_exam, read_told, told_lines
from .listening import Listening
from .neighbours import registered
from .records import Tiers, ToldReport, ToldTurn
from .spec import Spec
from .unlearning import Unlearning
from .workspace import Workspace

if TYPE_CHECKING:
    from ..memory.base_weights import BaseWeights
    from ..memory.gguf_file import Meter
    from ..sleep.exam import ExamItem, ExamReport
    from .aio import AsyncAgent
    from .why import Explanation


class Agent(Listening, Unlearning, Browsing):
    """One assistant over one home. A context manager.

    Where a daemon owns the home this is the daemon's agent, called through its door; `attach` False, or an
    engine of one's own, refuses that. Where none does, no other process may open the home meanwhile.

    `spec` defaults to all defaults, `home` to DORMOUSE_HOME or the platform's data folder. `engine` (or what
    opens one) and `base` replace those the spec names; `meter` is told how a download goes. The
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
        engine: WakeEngine | Callable[[], WakeEngine] | None = None,
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
        self._session = None
        self._turn_lock = FifoLock()
        self._way = registered(RightOfWay(self.spec.sleep.resume_after_s))
        self._night = None
        self._night_lock = threading.Lock()
        self._nap, self._nap_lock = None, threading.Lock()
        self._streams = weakref.WeakSet()
        self._closed = False
        self._last_turn = None
        self.ticking = time.monotonic

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

    def memories(self, state: MemoryState | None = None) -> list[Memory]:
        """Every memory, or those in one state, the oldest first, with the ids of the turns each rests on.

        Consolidated are those that the version served holds.
        """
        from .served import memories_now

        return memories_now(self._open(), state)

    def why(self, text: str) -> Explanation:
        """Which memories, turns, night and adapters are behind a question or an answer."""
        from .why import explain

        return explain(self._open(), text)

    def rollback(self, to: str | None = None, *, once: str | None = None) -> str | None:
        """Serve an earlier adapter again: the one before, that one, or none for `base`; returns its id.

        The next night learns again what that one does not hold.
        With `once`, an idempotency key, the same call made again moves nothing. Raises UnknownAdapter and the
        like.
        """
        space = self._open()
        with self._between_turns():
            served = space.registry.rollback(to, once=once or "")
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

    def close(self) -> None:
        """Stop a turn being answered, a night and a nap, close the engine, let go of the home.

        Safe to call twice.

        A night that is stopped is gone on with by the next one.
        """
        self._closed = True
        self._way.stop()
        for stream in list(self._streams):
            stream.close()
        if self._night is not None:
            self._night.join()
        self.wait_for_nap()
        with self._between_turns():
            self._close_verifiers()
            self._space.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
