"""An agent that plays a scripted part, for tests and pictures of the screens: nothing in it is a model's.

It answers as the calls of `tui/app/abc.py` promise, keeps what is done to it in `done`, and waits where a
test holds it. It shows nothing about what an agent can do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from staged_records import (
    ADAPTER,
    ANSWERS,
    BASE_STATUS,
    MEMORIES,
    NIGHTS,
    RULED,
    SESSIONS,
    TONIGHT,
    TURNS,
    VERDICTS_TONIGHT,
    WHY,
    later,
    night_records,
    night_report,
    night_slept,
    receipt_of,
)

from dormouse.graphs.context import ContextView
from dormouse.graphs.events import Approve, Asked, CallBegan, CallEnded, Judged, NodeBegan
from dormouse.memory.errors import BadInput, UnknownRecord
from dormouse.memory.records import MemoryState, ToolCall
from dormouse.runtime.nights import NightView
from dormouse.runtime.receipts import Receipt
from dormouse.runtime.records import AdapterView, MemoryView, Reply, SessionView, Status, TurnView
from dormouse.runtime.spec import Spec
from dormouse.runtime.turns import Cancelled, Emit, ReplyStream
from dormouse.runtime.why import Explanation
from dormouse.sleep.records import NightReport, Progress

CALL = Asked(7, "calculator", {"expression": "(19 - 7) * 3"})


@dataclass
class StagedAgent:
    """`word_s` is between two words. `asks` has every turn ask for a call; turns wait for `go`. A night tells
    its first `halts_after` records and waits for `night_go`."""

    word_s: float = 0.0
    halts_after: int | None = None
    asks: bool = False
    far: Mapping[str, Any] | None = None
    alarms: tuple[str, ...] = ()
    spec: Spec = field(default_factory=Spec)
    warnings: tuple[str, ...] = ()
    done: list[tuple[Any, ...]] = field(default_factory=list)
    refuses: str = ""
    answer: str = ""

    def __post_init__(self) -> None:
        self.go = threading.Event()
        self.go.set()
        self.night_go = threading.Event()
        self.turns_of = {id: list(turns) for id, turns in TURNS.items()}
        self.views = list(SESSIONS)
        self.remembered = list(MEMORIES)
        self.past = list(NIGHTS)
        self._sleeping: list[Callable[[Progress], None]] | None = None
        self._changing, self._night_over = threading.Lock(), threading.Event()
        self._told: list[Progress] = []

    def new_session(self, session: str | None = None) -> str:
        id = session or f"s{len(self.turns_of) + 1}"
        self.turns_of.setdefault(id, [])
        self.done.append(("new_session", id))
        return id

    def stream(
        self,
        text: str,
        session: str | None = None,
        *,
        approve: Approve | None = None,
        wait: bool = False,
        variation: int = 0,
    ) -> ReplyStream:
        if self.refuses:
            raise BadInput(self.refuses)
        assert session is not None
        self.done.append(("stream", text, session, variation))
        return ReplyStream(
            lambda emit, cancelled: self._take(text, session, approve, variation, emit, cancelled)
        )

    def _take(
        self,
        text: str,
        session: str,
        approve: Approve | None,
        variation: int,
        emit: Emit,
        cancelled: Cancelled,
    ) -> Reply:
        emit(NodeBegan("recall"))
        if self.asks:
            self._call(approve, emit)
        emit(NodeBegan("generate"))
        said = ""
        words = self.answer or ANSWERS.get(text, f"You said: {text}")
        for word in (words if not variation else f"Otherwise: {words}").split(" "):
            if cancelled():
                break
            self.go.wait(300)
            time.sleep(self.word_s)
            if cancelled():
                break
            emit(word if not said else f" {word}")
            said += word if not said else f" {word}"
        emit(NodeBegan("verify"))
        if not cancelled():
            emit(Judged(None, "support", "passed", "its words stand in turn 4"))
        return self._journaled(text, session, said, cancelled())

    def _call(self, approve: Approve | None, emit: Emit) -> None:
        emit(CALL)
        yes = approve is not None and approve(CALL)
        self.done.append(("approved", yes))
        if yes:
            emit(CallBegan(CALL.id, CALL.name, CALL.arguments))
            emit(CallEnded(CALL.id, CALL.name, "done", "36"))
            emit(Judged(CALL.id, "arithmetic", "passed", "(19 - 7) * 3 = 36"))
        else:
            emit(CallEnded(CALL.id, CALL.name, "refused", "Its owner said no."))

    def _journaled(self, text: str, session: str, said: str, stopped: bool) -> Reply:
        turns = self.turns_of[session]
        first = 100 + sum(len(each) for each in self.turns_of.values())
        user = TurnView(first, session, "user", text, later(0), "complete", None, 0, None)
        state = "interrupted" if stopped else "complete"
        answer = TurnView(
            first + 1, session, "assistant", said, later(0), state, ADAPTER.manifest["id"], 12, None
        )
        turns += [user, answer]
        if session not in [view.id for view in self.views]:
            self.views.insert(0, SessionView(session, text[:60], later(0), later(0), 0))
        self.views = [replace(v, turns=len(turns)) if v.id == session else v for v in self.views]
        return Reply(
            said, session, first + 1, False, (1, 3), ADAPTER.manifest["id"], 12, 840, interrupted=stopped
        )

    def waiting(self) -> list[ToolCall]:
        return []

    def resume(
        self, call_id: int, approved: bool, *, approve: Approve | None = None, wait: bool = False
    ) -> ReplyStream:
        raise UnknownRecord("waiting tool call", call_id)

    def overview(self) -> Status:
        unread = sum(turn.role == "user" and turn.night is None for t in self.turns_of.values() for turn in t)
        return replace(BASE_STATUS, to_sleep_on=unread, alarms=self.alarms)

    def session_views(self) -> list[SessionView]:
        return list(self.views)

    def transcript(self, session: str, *, withdrawn: bool = False) -> list[TurnView]:
        return list(self.turns_of.get(session, ()))

    def turns_by_id(self, ids: Sequence[int]) -> list[TurnView]:
        known = {turn.id: turn for turns in self.turns_of.values() for turn in turns}
        return [known[id] for id in ids if id in known]

    def unread(self) -> list[TurnView]:
        return [turn for turns in self.turns_of.values() for turn in turns if turn.night is None]

    def search(self, text: str, most: int = 20) -> list[TurnView]:
        self.done.append(("search", text))
        everything = [turn for turns in self.turns_of.values() for turn in turns if turn.role == "user"]
        return [turn for turn in everything if text.casefold() in turn.content.casefold()][:most]

    def rename_session(self, session: str, title: str) -> None:
        self.done.append(("rename", session, title))
        self.views = [replace(v, title=title) if v.id == session else v for v in self.views]

    def take_back(self, session: str) -> str:
        turns = self.turns_of[session]
        while turns and turns[-1].role != "user":
            turns.pop()
        self.done.append(("take_back", session))
        return turns.pop().content

    def memory_views(self, state: MemoryState | None = None) -> list[MemoryView]:
        return [one for one in self.remembered if state in (None, one.state)]

    def correct(self, memory: str, value: str) -> MemoryView:
        self.done.append(("correct", memory, value))
        old = next(one for one in self.remembered if one.id == memory)
        new = replace(
            old,
            id="c0ffee0001",
            value=value,
            statement=old.statement.replace(old.value, value),
            state="admitted",
        )
        at = self.remembered.index(old)
        self.remembered[at] = replace(old, state="superseded", superseded_by=new.id)
        self.remembered.append(new)
        return new

    def forget(
        self,
        *ids: str,
        matching: str | None = None,
        now: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Receipt:
        self.done.append(("forget", ids, matching))
        self.remembered = [
            one
            for one in self.remembered
            if one.id not in ids and not (matching and matching in one.statement)
        ]
        return receipt_of(ids)

    def why(self, text: str) -> Explanation:
        self.done.append(("why", text))
        return replace(WHY, text=text)

    def adapter(self, id: str | None = None) -> AdapterView | None:
        return ADAPTER

    def nights(self) -> list[NightView]:
        return list(self.past)

    def context(self, session: str) -> ContextView | None:
        messages = len([turn for turn in self.turns_of.get(session, ()) if turn.role != "tool"])
        return ContextView(180 + 90 * messages, 3400, 4096, messages, 0)

    def warm_up(self) -> None:
        self.done.append(("warm_up",))

    def sleep(self, progress: Callable[[Progress], None] | None = None) -> NightReport:
        self.done.append(("sleep",))
        with self._changing:
            self._sleeping, self._told = [], []
            self._night_over.clear()
            self.past.append(TONIGHT)
        for told, record in enumerate(night_records()):
            self.go.wait(300)
            if told == self.halts_after:
                self.night_go.wait(300)
                self.night_go.clear()
            with self._changing:
                if record.stage == "replay":
                    self.past[-1] = replace(TONIGHT, rulings=RULED, verdicts=VERDICTS_TONIGHT)
                self._told.append(record)
                for watcher in self._sleeping:
                    watcher(record)
        with self._changing:
            self._sleeping = None
            self.past[-1] = night_slept()
        self._night_over.set()
        return night_report()

    def night_on_to(self, told: int) -> None:
        """Let a night that halts go on until it has told so many records."""
        self.halts_after = told
        self.night_go.set()

    @property
    def seconds_slept(self) -> float:
        """One for each record told."""
        return float(len(self._told))

    @property
    def watched(self) -> bool:
        """Whether somebody follows the night."""
        return bool(self._sleeping)

    def watch_night(self, progress: Callable[[Progress], None]) -> NightReport | None:
        with self._changing:
            if self._sleeping is None:
                return None
            for record in self._told:
                progress(record)
            self._sleeping.append(progress)
        self._night_over.wait(300)
        return night_report()

    def daemon(self) -> Mapping[str, Any] | None:
        return self.far
