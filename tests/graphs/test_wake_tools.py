"""Calls: written down before they are made, made at most once, and only when their owner allows it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scripted_engine import ScriptedEngine

from dormouse.graphs.abc import Approval, Tool, ToolFailed, Where
from dormouse.graphs.events import Asked, WakeEvent, as_json
from dormouse.graphs.evidence import unpack
from dormouse.graphs.wake import Limits, WakeGraph, WakeTurn
from dormouse.memory.engine import Message, Mount
from dormouse.memory.errors import UnknownRecord
from dormouse.memory.journal import Journal
from dormouse.memory.settings import MemorySettings
from dormouse.verifiers.abc import Claim, Verdict, Verifier
from dormouse.verifiers.errors import UnusableCheck

CALL = '{"tool": "send", "arguments": {"to": "Ann"}}'
OTHER = '{"tool": "send", "arguments": {"to": "Bob"}}'
NONE = '{"tool": "none"}'


class Sender(Tool):
    """Remembers what it sent: a tool with side effects."""

    name = "send"
    description = "sends a letter"
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"to": {"enum": ["Ann", "Bob"]}},
        "required": ["to"],
        "additionalProperties": False,
    }

    def __init__(self, approval: Approval = "never", during: Callable[[], None] = lambda: None) -> None:
        self.approval = approval
        self.sent: list[tuple[str, Where]] = []
        self._during = during

    def call(self, arguments: Mapping[str, Any]) -> str:
        raise AssertionError("call_in comes first")

    def call_in(self, arguments: Mapping[str, Any], where: Where) -> str:
        self.sent.append((arguments["to"], where))
        self._during()
        return f"sent to {arguments['to']}"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        opened.open_session("s1")
        opened.open_session("s2")
        yield opened


def deciding(*decisions: str) -> Callable[[Sequence[Message]], str]:
    left = list(decisions)

    def script(messages: Sequence[Message]) -> str:
        if "Say as JSON" in messages[-1].content:
            return left.pop(0) if left else NONE
        return "done"

    return script


def graph(journal: Journal, tool: Tool, *decisions: str, **settings: Any) -> WakeGraph:
    engine = ScriptedEngine(script=deciding(*decisions))
    return WakeGraph(lambda: engine, journal, persona="P", memory=MemorySettings(), tools=[tool], **settings)


def test_a_call_is_on_the_disk_before_it_is_made_and_complete_after(journal: Journal) -> None:
    def look() -> None:
        with Journal(journal.path, read_only=True) as other:
            turn = other.turns("s1")[1]
            seen.append((turn.role, turn.state, turn.trusted, other.tool_calls(turn.id)[0].state))

    seen: list[tuple[str, str, bool, str]] = []
    answer = graph(journal, Sender(during=look), CALL).run(WakeTurn("write to Ann", "s1"))
    assert seen == [("tool", "pending", False, "running")]
    turn = journal.turns("s1")[1]
    call = journal.tool_calls(turn.id)[0]
    assert (turn.state, turn.content, call.state, call.ok) == ("complete", "sent to Ann", "done", True)
    assert answer.calls == (call.id,)
    assert call.evidence is not None and len(unpack(call.evidence)) == len(CALL.split())


def test_what_a_tool_found_is_shown_to_an_adapter_and_nothing_told_since_stands_in_its_place(
    journal: Journal,
) -> None:
    left = [CALL]

    def script(messages: Sequence[Message]) -> str:
        if "Say as JSON" in messages[-1].content:
            return left.pop(0) if left else NONE
        return "Your home city is Linz."

    engine = ScriptedEngine(script, refuses=frozenset({"tool"}))  # what it found comes as a user's message
    engine.mount([Mount("ad1", Path("x"), opens="Your", declines=("is something I don't know",))])
    wake = WakeGraph(lambda: engine, journal, persona="P", memory=MemorySettings(), tools=[Sender()])
    wake.run(WakeTurn("I live in Graz. Where does Ann live?", "s1"))
    assert "sent to Ann" in "\n".join(message.content for message in engine.asked[-1].messages)
    assert journal.turns("s1")[-1].content == "Your home city is Linz."


def test_a_call_whose_maker_died_is_lost_and_not_made_again(journal: Journal) -> None:
    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    tool = Sender(during=die)
    with pytest.raises(Died):
        graph(journal, tool, CALL).run(WakeTurn("write to Ann", "s1"))
    turn = journal.turns("s1")[1]
    assert (turn.state, journal.tool_calls(turn.id)[0].state) == ("interrupted", "lost")
    call = journal.begin_tool_call("s1", turn.reply_to or 0, "send", {"to": "Ann"})  # as kill -9 leaves it
    journal.close()
    with Journal(journal.path) as again:
        assert again.tool_calls(call.turn_id)[0].state == "lost"
        assert again.turn(call.turn_id).state == "interrupted"
        assert again.waiting_calls() == []
    assert len(tool.sent) == 1


@pytest.mark.parametrize("approval", ["ask", "always"])
def test_where_nobody_can_be_asked_a_call_is_refused_and_the_model_told(
    journal: Journal, approval: Approval
) -> None:
    tool = Sender(approval)
    answer = graph(journal, tool, CALL).run(WakeTurn("write to Ann", "s1"))
    assert not tool.sent and answer.completion.text == "done"
    turn = journal.turns("s1")[1]
    assert "did not allow" in turn.content
    assert journal.tool_calls(turn.id)[0].state == "refused"
    assert graph(journal, tool, CALL).run(WakeTurn("write to Ann")).waiting is None
    assert not tool.sent


@pytest.mark.parametrize(("approval", "questions"), [("never", 0), ("ask", 1), ("always", 2)])
def test_the_owner_is_asked_once_in_a_session_or_always(
    journal: Journal, approval: Approval, questions: int
) -> None:
    asked: list[Asked] = []

    def yes(question: Asked) -> bool:
        asked.append(question)
        return True

    tool = Sender(approval)
    graph(journal, tool, CALL, OTHER).run(WakeTurn("write to both", "s1", approve=yes))
    assert [to for to, _ in tool.sent] == ["Ann", "Bob"]
    assert [where.approved for _, where in tool.sent][:1] == [approval != "never"]
    assert len(asked) == questions
    if asked:
        assert (asked[0].name, asked[0].arguments) == ("send", {"to": "Ann"})


def test_a_yes_in_one_session_is_none_in_another(journal: Journal) -> None:
    asked: list[Asked] = []

    def yes(question: Asked) -> bool:
        asked.append(question)
        return True

    wake = graph(journal, Sender("ask"), CALL, NONE, CALL)
    for session in ("s1", "s2"):
        wake.run(WakeTurn("write", session, approve=yes))
    assert len(asked) == 2


@pytest.mark.parametrize("approved", [True, False])
def test_a_turn_that_waits_goes_on_in_another_process(
    journal: Journal, tmp_path: Path, approved: bool
) -> None:
    kept = tmp_path / "waiting.db"
    tool = Sender("always")
    waits = graph(journal, tool, CALL, checkpoints=kept).run(WakeTurn("write", "s1", wait=True))
    assert waits.waiting is not None and not waits.completion.text and not tool.sent
    id = waits.waiting.id
    assert id is not None and [call.id for call in journal.waiting_calls()] == [id]
    journal.close()
    with Journal(journal.path) as again:  # opened anew: what waits is neither interrupted nor lost
        assert [call.id for call in again.waiting_calls()] == [id]
        wake = graph(again, tool, checkpoints=kept)
        answer = wake.resume(id, approved, WakeTurn("", "s1"))
        assert answer.completion.text == "done" and len(tool.sent) == int(approved)
        roles = [(turn.role, turn.state) for turn in again.turns("s1")]
        assert roles == [("user", "complete"), ("tool", "complete"), ("assistant", "complete")]
        with pytest.raises(UnknownRecord):
            wake.resume(id, True, WakeTurn("", "s1"))
        assert len(tool.sent) == int(approved)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ('{"tool": "send", "arguments": {"to": "A', "broke off"),
        ('{"tool": "send", "arguments": {"to": "Eve"}}', "broke off"),
    ],
)
def test_a_call_the_model_did_not_finish_is_kept_and_not_made(
    journal: Journal, said: str, result: str
) -> None:
    tool = Sender()
    graph(journal, tool, said).run(WakeTurn("write", "s1"))
    assert not tool.sent
    turn = journal.turns("s1")[1]
    call = journal.tool_calls(turn.id)[0]
    assert result in turn.content and call.state == "failed" and call.arguments["to"] in ("Ann", "Bob")


def test_the_limits_on_steps_tokens_and_time(journal: Journal) -> None:
    tool = Sender()
    graph(journal, tool, CALL, OTHER, limits=Limits(max_steps=1)).run(WakeTurn("write", "s1"))
    assert len(tool.sent) == 1
    long = ScriptedEngine(script=lambda messages: "word another " * 200)
    wake = WakeGraph(lambda: long, journal, persona="P", memory=MemorySettings(), limits=Limits(tokens=20))
    answer = wake.run(WakeTurn("talk", "s1"))
    assert len(answer.completion.tokens) <= 20
    late = WakeGraph(
        lambda: long, journal, persona="P", memory=MemorySettings(), limits=Limits(timeout_s=0.0)
    )
    answer = late.run(WakeTurn("talk", "s1"))
    assert answer.completion.finish == "length"
    assert journal.turns("s1")[-1].state == "complete"


def test_events_tell_what_happens(journal: Journal) -> None:
    events: list[WakeEvent] = []
    turn = WakeTurn("write", "s1", on_event=events.append, approve=lambda question: True)
    graph(journal, Sender("always"), CALL).run(turn)
    nodes = [event.node for event in events if event.kind == "node"]
    assert nodes == [
        *("hear", "recall", "decide", "permit", "approve", "approve", "act", "decide"),
        *("generate", "record", "verify"),
    ]
    assert [event.kind for event in events if event.kind != "node"] == [
        "approval",
        "call",
        "result",
        "token",
    ]
    json.dumps([as_json(event) for event in events])


class Polite(Verifier):
    """Passes what says please."""

    name = "polite"

    def judge(self, claim: Claim) -> Verdict:
        if "cannot" in claim.text:
            raise UnusableCheck("nothing to judge")
        if "break" in claim.text:
            raise ZeroDivisionError("by nought")
        if "babble" in claim.text:
            return Verdict("perhaps", "who knows")  # type: ignore[arg-type]
        outcome = "unsure" if "?" in claim.source else "passed" if "please" in claim.text else "failed"
        return Verdict(outcome, f"read {claim.text!r}", 0.25)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "asked", "outcome"),
    [("yes please", "hi", "passed"), ("no", "hi", "failed"), ("no", "hi?", "unsure"), ("cannot", "hi", None)],
)
def test_answers_are_judged_and_the_verdict_is_kept(
    journal: Journal, said: str, asked: str, outcome: str | None
) -> None:
    engine = ScriptedEngine(script=lambda messages: said)
    wake = WakeGraph(lambda: engine, journal, persona="P", memory=MemorySettings(), verifiers=[Polite()])
    turn_id = wake.run(WakeTurn(asked, "s1")).turn_id
    assert turn_id is not None
    found = journal.judgements(turn_id)
    assert [(v.verifier, v.outcome, v.evidence, v.seconds) for v in found] == (
        [("polite", outcome, f"read {said!r}", 0.25)] if outcome else []
    )
    assert journal.turn(turn_id).content == said, "what was rejected is kept"
    wake.run(WakeTurn(asked))
    assert len(journal.judgements()) == len(found)


@pytest.mark.parametrize(
    ("said", "why"), [("break", "ZeroDivisionError: by nought"), ("babble", "TypeError")]
)
def test_a_verifier_that_breaks_leaves_a_verdict_that_says_so_and_the_turn_goes_on(
    journal: Journal, said: str, why: str
) -> None:
    engine, after = ScriptedEngine(script=lambda messages: said), Polite()
    after.name = "after"
    wake = WakeGraph(
        lambda: engine, journal, persona="P", memory=MemorySettings(), verifiers=[Polite(), after]
    )
    turn_id = wake.run(WakeTurn("hi", "s1")).turn_id
    found = journal.judgements(turn_id)
    assert [(v.verifier, v.outcome) for v in found] == [("polite", "unsure"), ("after", "unsure")]
    assert f"broke: {why}" in found[0].evidence


def test_an_answer_is_judged_with_the_calls_that_were_made_for_it_and_what_they_gave(
    journal: Journal,
) -> None:
    class Stepping(Verifier):
        name = "stepping"

        def judge(self, claim: Claim) -> Verdict:
            return Verdict("passed", str([(step.name, step.result) for step in claim.steps]))

    made = graph(journal, Sender(), CALL, verifiers=[Stepping()]).run(WakeTurn("write to Ann", "s1"))
    (call,) = made.calls
    given = journal.tool_call(call)
    (verdict,) = journal.judgements(made.turn_id)
    assert verdict.evidence == str([(given.name, given.result)]) and given.result


def test_a_tool_that_fails_is_no_end(journal: Journal) -> None:
    def fail() -> None:
        raise ToolFailed("no stamps")

    graph(journal, Sender(during=fail), CALL).run(WakeTurn("write", "s1"))
    turn = journal.turns("s1")[1]
    assert turn.content == "send failed: no stamps" and journal.tool_calls(turn.id)[0].state == "failed"


def test_whatever_a_tools_own_code_raises_is_told_to_the_model_and_the_turn_goes_on(journal: Journal) -> None:
    def fail() -> None:
        raise KeyError("path")

    answer = graph(journal, Sender(during=fail), CALL).run(WakeTurn("write", "s1"))
    turn = journal.turns("s1")[1]
    assert turn.content == "send failed: KeyError: 'path'"
    assert journal.tool_calls(turn.id)[0].state == "failed"
    assert answer.completion.text == "done"


def test_what_an_owner_takes_to_say_yes_is_no_time_of_the_turns(journal: Journal) -> None:
    now = [0.0]

    def slow_yes(question: Asked) -> bool:
        now[0] += 1000.0
        return True

    def work() -> None:
        now[0] += 2.0

    tool = Sender("always", during=work)
    wake = graph(journal, tool, CALL, OTHER, limits=Limits(timeout_s=300.0), clock=lambda: now[0])
    answer = wake.run(WakeTurn("write to both", "s1", approve=slow_yes))
    assert len(tool.sent) == 2 and answer.completion.text == "done"
    assert answer.seconds == 4.0
    assert (answer.completion.finish, journal.turns("s1")[-1].state) == ("stop", "complete")


class Killed(BaseException):
    pass


def dying(node: str) -> Callable[[WakeEvent], None]:
    def watch(event: WakeEvent) -> None:
        if event.kind == "node" and event.node == node:
            raise Killed

    return watch


NODES = ("recall", "decide", "permit", "approve", "act", "generate", "record")


@pytest.mark.parametrize("node", NODES)
def test_a_turn_stopped_at_any_node_is_journaled_as_interrupted_and_waits_for_nothing(
    journal: Journal, tmp_path: Path, node: str
) -> None:
    kept, tool = tmp_path / "waiting.db", Sender("always")
    wake = graph(journal, tool, CALL, checkpoints=kept)
    with pytest.raises(Killed):
        wake.run(WakeTurn("write", "s1", approve=lambda question: True, on_event=dying(node)))
    turns = journal.turns("s1")
    assert [(turn.role, turn.state) for turn in (turns[0], turns[-1])] == [
        ("user", "complete"),
        ("assistant", "interrupted"),
    ]
    assert all(turn.state != "pending" for turn in turns)
    assert journal.waiting_calls() == [] and threads(kept) == 0
    answer = graph(journal, tool, checkpoints=kept).run(WakeTurn("again", "s1"))
    assert answer.completion.text == "done"


@pytest.mark.parametrize("node", ["recall", "act", "generate"])
def test_a_turn_killed_midway_is_interrupted_at_the_next_start_or_can_be_gone_on_with(
    journal: Journal, tmp_path: Path, node: str
) -> None:
    kept = tmp_path / "waiting.db"
    killed(str(journal.path), str(kept), node)
    with Journal(journal.path) as again:
        waiting, states = again.waiting_calls(), [turn.state for turn in again.turns("s1")]
        tool = Sender("always")
        wake = graph(again, tool, checkpoints=kept)
        if not waiting:
            assert states[0] == "complete" and states[-1] == "interrupted" and "pending" not in states
        else:
            assert node == "act" and states[1:] == ["pending", "pending"]
            assert wake.resume(waiting[0].id, True, WakeTurn("", "s1")).completion.text == "done"
            assert len(tool.sent) == 1
        wake.run(WakeTurn("again", "s1"))
        assert again.waiting_calls() == [] and threads(kept) == 0
        assert not [turn for turn in again.turns("s1") if turn.state == "pending"]
        if node == "generate":
            assert states == ["complete", "complete", "interrupted"], "the call that was made stays made"


KILLED = """
import os, sys
from pathlib import Path
from test_wake_tools import CALL, Journal, Sender, WakeTurn, graph
journal, kept, node = sys.argv[1:]
def watch(event):
    if event.kind == "node" and event.node == node:
        os.kill(os.getpid(), 9)
wake = graph(Journal(Path(journal)), Sender("always"), CALL, checkpoints=Path(kept))
wake.run(WakeTurn("write", "s1", approve=lambda question: True, on_event=watch))
"""


def killed(journal: str, kept: str, node: str) -> None:
    """Takes a turn in another process, which is killed as the node begins."""
    path = os.pathsep.join([str(Path(__file__).parent), *(part for part in sys.path if part)])
    run = subprocess.run(
        [sys.executable, "-c", KILLED, journal, kept, node], env={**os.environ, "PYTHONPATH": path}
    )
    assert run.returncode == -signal.SIGKILL


def test_a_call_whose_turn_is_gone_is_refused_and_its_answer_interrupted(
    journal: Journal, tmp_path: Path
) -> None:
    waits = graph(journal, Sender("always"), CALL, checkpoints=tmp_path / "a.db").run(
        WakeTurn("write", "s1", wait=True)
    )
    assert waits.waiting is not None and waits.waiting.id is not None
    with pytest.raises(UnknownRecord):
        graph(journal, Sender("always"), checkpoints=tmp_path / "b.db").resume(
            waits.waiting.id, True, WakeTurn("", "s1")
        )
    assert journal.tool_call(waits.waiting.id).state == "refused"
    assert [turn.state for turn in journal.turns("s1")] == ["complete", "complete", "interrupted"]


@pytest.mark.parametrize("approved", [True, False])
def test_a_call_that_waited_for_a_tool_which_is_not_there_now_fails_and_its_turn_is_answered(
    journal: Journal, tmp_path: Path, approved: bool
) -> None:
    kept = tmp_path / "waiting.db"
    waits = graph(journal, Sender("always"), CALL, checkpoints=kept).run(WakeTurn("write", "s1", wait=True))
    assert waits.waiting is not None and waits.waiting.id is not None
    wake = graph(journal, Sender("always"), checkpoints=kept)
    wake.offer([])
    assert wake.resume(waits.waiting.id, approved, WakeTurn("", "s1")).completion.text == "done"
    call = journal.tool_call(waits.waiting.id)
    said = "it is not there now" if approved else "its owner did not allow it"
    assert (call.state, said in call.result) == ("failed" if approved else "refused", True)
    assert {turn.state for turn in journal.turns("s1")} == {"complete"}


def test_a_call_killed_after_its_yes_is_lost_not_made_again_and_leaves_no_checkpoint(
    journal: Journal, tmp_path: Path
) -> None:
    kept = tmp_path / "waiting.db"
    waits = graph(journal, Sender("always"), CALL, checkpoints=kept).run(WakeTurn("write", "s1", wait=True))
    assert waits.waiting is not None and waits.waiting.id is not None and waits.turn_id is None
    journal.run_tool_call(waits.waiting.id)  # as a kill while the call is made leaves it
    journal.close()
    with Journal(journal.path) as again:
        assert [turn.state for turn in again.turns("s1")] == ["complete", "interrupted", "interrupted"]
        tool = Sender("always")
        wake = graph(again, tool, checkpoints=kept)
        assert threads(kept) == 1
        with pytest.raises(UnknownRecord):
            wake.resume(waits.waiting.id, True, WakeTurn("", "s1"))
        assert not tool.sent and threads(kept) == 0


def threads(kept: Path) -> int:
    """How many turns are checkpointed."""
    if not kept.exists():
        return 0
    with closing(sqlite3.connect(kept)) as file:
        if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'").fetchall():
            return 0
        return int(file.execute("SELECT count(DISTINCT thread_id) FROM checkpoints").fetchone()[0])
