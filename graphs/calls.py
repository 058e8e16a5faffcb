"""The nodes of the wake graph that call tools: decide, permit, approve, act.

Promise: a call is in the journal before it is made and is made at most once; what it gives back is journaled
as untrusted. Knows nothing of which tools there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

from ..memory.engine import Message, Role, Sampling, WakeEngine
from ..memory.journal import Journal
from ..memory.records import CallState
from . import decision
from .abc import Tool, ToolFailed, Where
from .context import clip
from .decision import SPARE_TOKENS
from .events import Asked, CallBegan, CallEnded
from .evidence import pack
from .native_tools import Native
from .running import Limits, Run

QUESTION_TOKENS = 64


class Pending(TypedDict):
    """A call on its way, as it stands in a checkpoint. `id` is the journal's, None without one; `result` is
    what came of it, once it has ended.
    """

    id: int | None
    name: str
    arguments: dict[str, Any]
    asked: bool
    approved: bool
    broken: str
    result: NotRequired[str]


class Calls:
    """Decides on calls and makes them, for one graph."""

    def __init__(self, journal: Journal, tools: Sequence[Tool], limits: Limits, top_k: int) -> None:
        self.offer(tools)
        self._journal = journal
        self._limits = limits
        self._top_k = top_k
        self._granted: set[tuple[str, str]] = set()

    def offer(self, tools: Sequence[Tool]) -> None:
        """Have these tools, and no others, from the next turn on."""
        self.tools = {tool.name: tool for tool in tools}

    @property
    def result_tokens(self) -> int:
        """What the longest result may take."""
        return max((tool.result_tokens for tool in self.tools.values()), default=0)

    @property
    def need_approval(self) -> bool:
        """Whether any tool's calls may have to be asked for."""
        return any(tool.approval != "never" for tool in self.tools.values())

    def native(self, engine: WakeEngine) -> Native | None:
        """The tools in the base's own words, where its chat template has some for them."""
        return decision.native(engine, list(self.tools.values()))

    def told(self, engine: WakeEngine, messages: Sequence[Message]) -> list[Message]:
        """The messages as they are answered: told of the tools where that has a place of its own."""
        native = self.native(engine)
        return list(messages) if native is None else native.offered(messages)

    def deciding_tokens(self, engine: WakeEngine, question: str) -> int:
        """How much longer the messages are when it has to be decided."""
        some = [Message("user", "")]
        if (native := self.native(engine)) is None:
            return engine.count(self.instruction(engine, question))
        return engine.count_messages(native.offered(some)) - engine.count_messages(some)

    def with_result(
        self, engine: WakeEngine, messages: list[Message], pending: Pending, result: str, takes_tools: bool
    ) -> list[Message]:
        """The messages with a call that was made, and what came of it."""
        if (native := self.native(engine)) is None:
            return with_result(messages, result, takes_tools)
        call = native.syntax.written(pending["name"], pending["arguments"])
        return [*messages, Message("assistant", call), Message("tool", result)]

    def instruction(self, engine: WakeEngine, question: str) -> str:
        """What the model is told when it has to decide."""
        shown = clip(question, QUESTION_TOKENS, engine.count)
        return decision.instruction(list(self.tools.values()), shown)

    def decide(
        self, engine: WakeEngine, run: Run, messages: Sequence[Message], made: Sequence[Mapping[str, Any]]
    ) -> tuple[Pending | None, bytes | None]:
        """The call the model wants, and the tokens it said so with; none for one that was `made` before."""
        turn = run.turn
        answer, call = decision.decide(
            engine,
            list(self.tools.values()),
            messages,
            clip(turn.text, QUESTION_TOKENS, engine.count),
            Sampling(max_tokens=run.tokens_left(self._limits.call_tokens), top_logprobs=self._top_k),
            adapters=turn.adapters,
            cancelled=run.stopped,
        )
        if answer is None or answer.finish == "cancelled":
            return None, None
        run.spent_tokens += len(answer.tokens)
        again = call is not None and any(
            (call.name, call.arguments) == (each["name"], each["arguments"]) for each in made
        )
        if call is None or again:  # the same again would bring nothing new
            return None, None
        pending = Pending(
            id=None,
            name=call.name,
            arguments=dict(call.arguments),
            asked=self._must_ask(turn.session_id, self.tools[call.name]) and not call.broken,
            approved=False,
            broken=call.broken,
        )
        return pending, pack(answer.tokens) if self._top_k else None

    def permit(self, run: Run, reply_to: int | None, pending: Pending, evidence: bytes | None) -> Pending:
        """Journal the call: as being made, or as waiting to be allowed."""
        session = run.turn.session_id
        if session is None or reply_to is None:
            return pending
        call = self._journal.begin_tool_call(
            session,
            reply_to,
            pending["name"],
            pending["arguments"],
            asked=pending["asked"],
            evidence=evidence,
        )
        return {**pending, "id": call.id}

    def approve(self, run: Run, pending: Pending) -> Pending:
        """Ask the owner, by an interrupt of the graph; where there is nobody to ask, the answer is no."""
        turn = run.turn
        allowed = False
        answered = pending["id"] is not None and pending["id"] == run.answered
        if answered or turn.approve is not None or turn.wait:
            from langgraph.types import interrupt

            question = {name: pending[name] for name in ("id", "name", "arguments")}
            allowed = bool(interrupt(question))
        if allowed and turn.session_id is not None:
            self._granted.add((turn.session_id, pending["name"]))
        return {**pending, "approved": allowed}

    def act(self, engine: WakeEngine, run: Run, pending: Pending, turn_id: int | None) -> str:
        """Make the call, unless it was refused, broke off, or its tool is there no more; returns what the
        model is told of it.
        """
        name, tool = pending["name"], self.tools.get(pending["name"])
        state: CallState = "failed"
        if pending["asked"] and not pending["approved"]:
            result, state = f"{name} was not called: its owner did not allow it", "refused"
        elif pending["broken"]:
            why = "broke off" if pending["broken"] == "cut" else "does not fit what the tool takes"
            result = f"{name} was not called: the call {why}"
        elif tool is None:
            result = f"{name} was not called: it is not there now"
        else:
            result, state = self._made(run, tool, pending, turn_id)
            result = clip(result, tool.result_tokens - SPARE_TOKENS, engine.count)
        if pending["id"] is not None:
            self._journal.end_tool_call(pending["id"], result, state)
        run.tell(CallEnded(pending["id"], name, state, result))
        return result

    def _made(
        self, run: Run, tool: Tool, pending: Pending, turn_id: int | None
    ) -> tuple[str, Literal["done", "failed"]]:
        id = pending["id"]
        if id is not None and pending["asked"]:
            self._journal.run_tool_call(id)
        run.tell(CallBegan(id, tool.name, pending["arguments"]))
        where = Where(run.turn.session_id, turn_id, pending["approved"])
        try:
            return tool.call_in(pending["arguments"], where), "done"
        except ToolFailed as failure:
            return f"{tool.name} failed: {failure}", "failed"
        except Exception as error:  # noqa: BLE001  another's code; the model is told of it
            said = " ".join(f"{type(error).__name__}: {error}".split())
            return f"{tool.name} failed: {said}", "failed"
        except BaseException:
            if id is not None:
                self._journal.end_tool_call(id, "the turn was stopped while this call was made", "lost")
            raise

    def _must_ask(self, session: str | None, tool: Tool) -> bool:
        if tool.approval == "ask" and session is not None:
            return (session, tool.name) not in self._granted
        return tool.approval != "never"


def was_made(call: Pending) -> bool:
    """Whether a call that has ended was made at all: it was whole, and allowed where that had to be asked."""
    return not call["broken"] and (call["approved"] or not call["asked"])


def asked_of(value: Mapping[str, Any]) -> Asked:
    """What an interrupt asks."""
    return Asked(value["id"], value["name"], value["arguments"])


def with_result(messages: list[Message], result: str, takes_tools: bool) -> list[Message]:
    """As a message of the tool's; within the user's where the base's chat template knows no tools.

    Only the result is shown: a small base shown its own call as JSON goes on in JSON.
    """
    if takes_tools:
        return [*messages, Message("tool", result)]
    *before, last = messages
    role: Role = last.role
    return [*before, Message(role, f"{last.content}\n\n{result}")]
