"""One turn by day, as a LangGraph graph: hear, recall, decide and call tools in a loop, generate, record,
verify.

Promise: the user's words are in the journal before anything is generated, and with them the answer to come;
a call is there before it is made. A turn that does not end well, wherever that is, is left there as
interrupted, with what had been said. A turn that waits for its owner's yes is checkpointed, and goes on in
another process too. Knows nothing of specs or terminals.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from ..memory import adapter_gate, readings
from ..memory.engine import Completion, Message, Role, Sampling, WakeEngine
from ..memory.errors import UnknownRecord
from ..memory.journal import Journal
from ..memory.settings import MemorySettings
from ..verifiers.abc import Claim, Step, Verifier
from .abc import Tool
from .calls import Calls, Pending, asked_of, was_made
from .context import LOOP_WINDOW, ContextView, Screen, looping
from .events import Asked, NodeBegan, Said
from .evidence import pack
from .judging import judge_answer, judge_call
from .leaving import Leaving
from .prompt import PromptBuilder, Search
from .running import Limits, Route, Run, WakeAnswer, WakeTurn, served_by

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from ..sleep.told_since import ToldSince

__all__ = ["Limits", "WakeAnswer", "WakeGraph", "WakeTurn", "served_by"]


class WakeState(TypedDict, total=False):
    """What the graph's nodes leave each other; all of it may stand in a checkpoint."""

    text: str
    user_turn_id: int | None
    turn_id: int | None
    messages: list[tuple[str, str]]
    sources: list[int]
    pending: Pending | None
    evidence: bytes | None
    calls: list[Pending]


class WakeGraph:
    """The graph over one engine and one journal. Turns may come from any thread, one at a time.

    `engine` is called for the engine only after the user's words are in the journal, since opening it may
    fail. `screen` is opened for each recall; by default it shows a turn's own words. `search` finds the (at
    most so many) turns nearest to a text, the nearest first; without it the journal's own words are
    searched. `verifiers` judge each call and each answer they can judge. `route` says
    which adapters answer the user's turn of that id, None for those mounted. Turns that wait for a yes are
    kept in the file `checkpoints`; without it, until this process ends. `clock` gives seconds.
    """

    def __init__(
        self,
        engine: Callable[[], WakeEngine],
        journal: Journal,
        *,
        persona: str,
        memory: MemorySettings,
        tools: Sequence[Tool] = (),
        limits: Limits | None = None,
        verifiers: Sequence[Verifier] = (),
        checkpoints: Path | None = None,
        screen: Callable[[], Screen] | None = None,
        search: Search | None = None,
        route: Route | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = clock
        self._route = route
        self._open_engine = engine
        self._journal = journal
        self._memory = memory
        self._limits = limits = limits or Limits()
        self._verifiers = tuple(verifiers)
        self._calls = Calls(journal, tools, limits, memory.traces.top_k)
        self._persona = persona
        self._screen = screen or (lambda: _own_words)
        self._prompt = PromptBuilder(
            lambda: self._engine,
            journal,
            self._calls,
            persona=persona,
            memory=memory,
            screen=self._screen,
            search=search,
        )
        self._checkpoints = checkpoints
        self._swept = False

    @cached_property
    def _engine(self) -> WakeEngine:
        return self._open_engine()

    def offer(self, tools: Sequence[Tool]) -> None:
        """Have these tools, and no others, from the next turn on. Not to be called during one."""
        self._calls.offer(tools)

    def run(self, turn: WakeTurn) -> WakeAnswer:
        """Take one turn. Raises EngineError and JournalError; what was journaled by then stays."""
        if turn.session_id is None and not (turn.tools and self._calls.tools):
            return self._walked(Run(turn, self._limits, self._clock))
        with self._graph() as graph:
            run = Run(turn, self._limits, self._clock)
            thread = f"turn-{secrets.token_hex(8)}"
            return self._to_the_end(graph, run, {"text": turn.text}, thread)

    def resume(self, call_id: int, approved: bool, turn: WakeTurn) -> WakeAnswer:
        """Go on with the turn whose call `call_id` waits for a yes. `turn` says who watches, and who is asked
        next; its text and session are the turn's own. Raises UnknownRecord when nothing waits there.
        """
        from langgraph.types import Command

        with self._graph(waits=True) as graph:
            waiting = {call.id: call for call in self._journal.waiting_calls()}
            thread = _waiting_threads(graph).get(call_id)
            if call_id in waiting and thread is None:
                self._journal.end_tool_call(call_id, "what it belonged to is gone", "refused")
                self._journal.interrupt_pending(self._journal.turn(waiting[call_id].turn_id).reply_to)
            if call_id not in waiting or thread is None:
                raise UnknownRecord("waiting tool call", call_id)
            run = Run(turn, self._limits, self._clock, answered=call_id)
            return self._to_the_end(graph, run, Command(resume=approved), thread)

    def _walked(self, run: Run) -> WakeAnswer:
        """A turn that has nothing to keep and nothing to decide: the graph's nodes are then a line. Walked
        without LangGraph, whose import is most of the time a single question takes.
        """
        state: WakeState = {"text": run.turn.text}
        line = [("hear", self._hear), ("recall", self._recall), ("generate", self._generate)]
        for name, node in [*line, ("record", self._record), ("verify", self._verify)]:
            run.tell(NodeBegan(name))
            state.update(node(state, run))
        return _answer_of(cast("dict[str, Any]", state), run, None)

    def view(self, session_id: str) -> ContextView:
        """What of a session the next turn would be answered with, before the turn itself."""
        return self._prompt.view(session_id)

    def leaving(self, session_id: str) -> Leaving | None:
        """What must leave a session's context before it overflows; None while there is room."""
        return self._prompt.leaving(session_id)

    def warm(self, session_id: str, cancelled: Callable[[], bool]) -> None:
        """Compute what a session's next turn begins with, for whoever may answer it, so that it need not be
        waited for; until `cancelled`.
        """
        engine, one = self._engine, Sampling(max_tokens=1)
        beginning = adapter_gate.without_answers(self._prompt.beginning(session_id), engine.mounted)
        others = adapter_gate.usual(engine)
        engine.complete(beginning, one, adapters=others, cancelled=cancelled)
        if others is not None:  # what is mounted is asked alone
            engine.complete(beginning[:1], one, cancelled=cancelled)
            self._told_since(WakeTurn("", session_id)).read(cancelled)

    def _to_the_end(self, graph: Any, run: Run, given: Any, thread: str) -> WakeAnswer:
        """Run the graph, asking whoever can be asked at each interrupt."""
        from langgraph.types import Command

        config = {"recursion_limit": 5 * self._limits.max_steps + 12, "configurable": {"thread_id": thread}}
        durable = {"durability": "exit"} if graph.checkpointer else {}
        while True:
            try:
                end: dict[str, Any] = graph.invoke(given, config, context=run, **durable)
            except BaseException:
                with suppress(Exception):  # what cannot be written now is put right at the next start
                    self._cut_short(graph, run, thread)
                raise
            asked = end.get("__interrupt__")
            if not asked:
                break
            question = asked_of(asked[0].value)
            run.tell(question)
            if run.turn.approve is None:
                return _answer_of(end, run, question)
            with run.waiting():
                given = Command(resume=bool(run.turn.approve(question)))
        if graph.checkpointer:
            graph.checkpointer.delete_thread(thread)
        return _answer_of(end, run, None)

    def _cut_short(self, graph: Any, run: Run, thread: str) -> None:
        """Journal that a turn ended before its answer did; nothing of it waits any more."""
        if run.turn_id is not None:
            answer = self._journal.turn(run.turn_id)
            for call in self._journal.waiting_calls():
                if self._journal.turn(call.turn_id).reply_to == answer.reply_to:
                    self._journal.end_tool_call(call.id, "the turn was stopped before it was made", "refused")
            if answer.state == "pending":
                said = "".join(token.text for token in run.said)
                self._journal.update_turn(answer.id, content=said, state="interrupted")
        if graph.checkpointer:
            graph.checkpointer.delete_thread(thread)

    @contextmanager
    def _graph(self, *, waits: bool = False) -> Iterator[Any]:
        """The compiled graph; with checkpoints only where a turn may have to wait, or `waits` already."""
        if not (waits or self._calls.need_approval):
            yield self._plain_graph
        elif self._checkpoints is None:
            yield self._remembering_graph
        else:
            from langgraph.checkpoint.sqlite import SqliteSaver

            with SqliteSaver.from_conn_string(str(self._checkpoints)) as saver:
                graph = self._build(saver)
                if not self._swept:
                    self._sweep(graph)
                yield graph

    def _sweep(self, graph: Any) -> None:
        """Let go of the checkpoints of turns that wait no more: their process died while they went on."""
        waiting = {call.id for call in self._journal.waiting_calls()}
        kept = {thread for id, thread in _waiting_threads(graph).items() if id in waiting}
        for thread in _threads(graph) - kept:
            graph.checkpointer.delete_thread(thread)
        self._swept = True

    @cached_property
    def _plain_graph(self) -> Any:
        return self._build(None)

    @cached_property
    def _remembering_graph(self) -> Any:
        from langgraph.checkpoint.memory import InMemorySaver

        return self._build(InMemorySaver())

    def _build(self, saver: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
        from langgraph.graph import END, START, StateGraph

        graph: Any = StateGraph(WakeState, context_schema=Run)
        nodes: dict[str, Callable[[WakeState, Run], WakeState]] = {
            "hear": self._hear,
            "recall": self._recall,
            "decide": self._decide,
            "permit": self._permit,
            "approve": self._approve,
            "act": self._act,
            "generate": self._generate,
            "record": self._record,
            "verify": self._verify,
        }
        for name, node in nodes.items():
            graph.add_node(name, _announced(name, node))
        graph.add_edge(START, "hear")
        graph.add_edge("hear", "recall")
        graph.add_conditional_edges("recall", self._after_recall, ["decide", "generate"])
        graph.add_conditional_edges("decide", self._after_decision, ["permit", "generate"])
        graph.add_conditional_edges("permit", self._after_permit, ["approve", "act"])
        graph.add_edge("approve", "act")
        graph.add_conditional_edges("act", self._after_act, ["decide", "generate"])
        graph.add_edge("generate", "record")
        graph.add_edge("record", "verify")
        graph.add_edge("verify", END)
        return cast("CompiledStateGraph[Any, Any, Any, Any]", graph.compile(checkpointer=saver))

    def _hear(self, state: WakeState, run: Run) -> WakeState:
        """Journal the user's words, durably, before anything else is done with them; the answer stands there
        as pending until it is whole.
        """
        turn = run.turn
        given = WakeState(calls=[], pending=None, evidence=None, user_turn_id=None, turn_id=None)
        if turn.session_id is not None:
            said, answer = self._journal.add_exchange(turn.session_id, turn.text, once=turn.once)
            run.turn_id = answer.id
            given |= WakeState(user_turn_id=said.id, turn_id=answer.id)
        return given

    def _recall(self, state: WakeState, run: Run) -> WakeState:
        """Put together tier 0: the persona, what the journal recalls, the session so far, the new words."""
        _ = self._engine  # opens it, which is no part of the turn
        run.begin()
        messages, sources = self._prompt.build(run.turn, state["user_turn_id"])
        return {"messages": _plain(messages), "sources": list(sources)}

    def _after_recall(self, state: WakeState) -> Literal["decide", "generate"]:
        return "decide" if self._calls.tools else "generate"

    def _routed(self, state: WakeState, run: Run) -> WakeState:
        """Give the turn the adapters it is to be answered with: those somebody says, where it does not, and
        none where these have nothing to say. Returns what it is shown then.
        """
        if run.routed:
            return {}
        run.routed, heard = True, state["user_turn_id"]
        if self._route is not None and run.turn.adapters is None and heard is not None:
            run.turn = replace(run.turn, adapters=self._route(heard))
        messages, adapters = _messages(state), run.turn.adapters
        stack = self._engine.mounted if adapters is None else adapters
        asked = adapter_gate.alone(messages, self._persona, stack)
        if not adapter_gate.speaks(self._engine, [asked], adapters, run.stopped)[0]:
            run.turn = replace(run.turn, adapters=())
            return {"messages": _plain(adapter_gate.without_answers(messages, stack))}
        return {}

    def _decide(self, state: WakeState, run: Run) -> WakeState:
        """Let the model say which tool it wants; its words can be nothing but a call, or none."""
        if not (run.turn.tools and self._calls.tools):
            return {"pending": None}
        shown = self._routed(state, run)
        messages = _messages({**state, **shown})
        pending, evidence = self._calls.decide(self._engine, run, messages, state["calls"])
        return {**shown, "pending": pending, "evidence": evidence}

    def _after_decision(self, state: WakeState) -> Literal["permit", "generate"]:
        return "permit" if state["pending"] is not None else "generate"

    def _permit(self, state: WakeState, run: Run) -> WakeState:
        """Journal the call before it is made."""
        assert state["pending"] is not None
        pending = self._calls.permit(run, state["user_turn_id"], state["pending"], state["evidence"])
        return {"pending": pending, "evidence": None}

    def _after_permit(self, state: WakeState) -> Literal["approve", "act"]:
        return "approve" if state["pending"] is not None and state["pending"]["asked"] else "act"

    def _approve(self, state: WakeState, run: Run) -> WakeState:
        """Wait for the owner's yes or no. Begun again when that comes, so it writes nothing."""
        assert state["pending"] is not None
        return {"pending": self._calls.approve(run, state["pending"])}

    def _act(self, state: WakeState, run: Run) -> WakeState:
        """Make the call; its words are journaled as untrusted, and nothing trains on them."""
        pending = state["pending"]
        assert pending is not None
        result = self._calls.act(self._engine, run, pending, state["user_turn_id"])
        takes = self._prompt.takes("system", "user", "tool")
        messages = self._calls.with_result(self._engine, _messages(state), pending, result, takes)
        made: Pending = {**pending, "result": result}
        if was_made(made):
            judge_call(self._verifiers, self._journal, made["id"], _step(made), run.tell)
        return {"messages": _plain(messages), "calls": [*state["calls"], made], "pending": None}

    def _after_act(self, state: WakeState, runtime: Any) -> Literal["decide", "generate"]:
        room = self._engine.count_messages(_messages(state)) <= self._prompt.room(state["text"])
        more = len(state["calls"]) < self._limits.max_steps and not runtime.context.stopped()
        return "decide" if room and more else "generate"

    def _generate(self, state: WakeState, run: Run) -> WakeState:
        """Answer, piece by piece; an adapter with what was told since, unless a tool was called."""
        shown = self._routed(state, run)
        messages = _messages({**state, **shown})
        stack = self._engine.mounted if run.turn.adapters is None else run.turn.adapters
        since = self._told_since(run.turn) if stack and not state["calls"] else None
        run.completion = self._say(run, self._calls.told(self._engine, messages), since)
        if since is not None and since.turn_id is not None:
            shown["sources"] = list(dict.fromkeys((*state["sources"], since.turn_id)))
        return shown

    def _told_since(self, turn: WakeTurn) -> ToldSince:
        """What was told since the last night: wherever it may be recalled from, else in this session."""
        from ..sleep.told_since import since_last_night

        everywhere = turn.recall and self._memory.recall.enabled
        return since_last_night(self._journal, turn.session_id, everywhere, self._screen)

    def _say(self, run: Run, messages: list[Message], since: ToldSince | None) -> Completion:
        """Generate; an answer that goes round in circles, or on past the turn's limits, ends there. With
        `since` an adapter is asked without the talk before.
        """
        turn, said = run.turn, run.said

        def enough() -> bool:
            return run.stopped() or looping([token.id for token in said[-LOOP_WINDOW:]])

        sampling = Sampling(
            temperature=self._memory.context.retry_temperature if turn.variation else 0.0,
            seed=turn.variation,
            max_tokens=run.tokens_left(self._memory.context.max_answer_tokens),
            top_logprobs=self._memory.traces.top_k,
        )
        engine, adapters = self._engine, turn.adapters
        if since is not None:
            asked = adapter_gate.stream(
                engine,
                messages,
                sampling,
                persona=self._persona,
                since=since,
                adapters=adapters,
                cancelled=enough,
            )
        else:
            asked = readings.stream(engine, messages, sampling, adapters=adapters, cancelled=enough)
        with asked as answer:
            for token in answer:
                said.append(token)
                turn.emit(token.text)
                if token.text:
                    run.tell(Said(token.text))
            completion = answer.completion
        if completion.finish == "cancelled" and not turn.cancelled():
            completion = replace(completion, finish="length" if run.over() else "stop")
        return completion

    def _record(self, state: WakeState, run: Run) -> WakeState:
        """Journal the answer with its tokens and the adapter it came from."""
        completion, turn_id = run.completion, state["turn_id"]
        assert completion is not None
        if turn_id is not None:
            self._journal.update_turn(
                turn_id,
                content=completion.text,
                state="interrupted" if completion.finish == "cancelled" else "complete",
                adapter=served_by(completion),
                tokens=len(completion.tokens),
                evidence=pack(completion.tokens) if self._memory.traces.top_k else None,
            )
        return {}

    def _verify(self, state: WakeState, run: Run) -> WakeState:
        """Journal what the declared verifiers say of the answer; one they reject is kept, as a negative."""
        assert run.completion is not None
        if run.completion.finish != "cancelled":
            steps = tuple(_step(call) for call in state["calls"] if was_made(call))
            claim = Claim(text=run.completion.text, source=run.turn.text, steps=steps)
            judge_answer(self._verifiers, self._journal, state["turn_id"], claim, run.tell)
        return {}


def _step(call: Pending) -> Step:
    return Step(call["name"], call["arguments"], call.get("result", ""))


def _own_words(text: str) -> str:
    from ..sleep.taint import own_words

    return own_words(text)


def _announced(name: str, node: Callable[[WakeState, Run], WakeState]) -> Any:
    def announced(state: WakeState, runtime: Any) -> WakeState:
        run: Run = runtime.context
        run.turn_id = state.get("turn_id", run.turn_id)
        run.tell(NodeBegan(name))
        return node(state, run)

    return announced


def _answer_of(end: dict[str, Any], run: Run, waiting: Asked | None) -> WakeAnswer:
    calls = tuple(call["id"] for call in end.get("calls", []) if call["id"] is not None)
    return WakeAnswer(
        run.completion or Completion("", (), 0, 0, "cancelled", 0.0, ()),
        tuple(end.get("sources", ())),
        end["user_turn_id"],
        None if waiting else end["turn_id"],
        run.seconds(),
        calls,
        waiting,
    )


def _waiting_threads(graph: Any) -> dict[int, str]:
    """The threads that wait, by the id of the call they wait for."""
    found = {}
    for thread in _threads(graph):
        state = graph.get_state({"configurable": {"thread_id": thread}})
        for asked in state.interrupts:
            found[asked.value["id"]] = thread
    return found


def _threads(graph: Any) -> set[str]:
    if not graph.checkpointer:
        return set()
    return {each.config["configurable"]["thread_id"] for each in graph.checkpointer.list(None)}


def _plain(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in messages]


def _messages(state: WakeState) -> list[Message]:
    return [Message(cast("Role", role), content) for role, content in state["messages"]]
