"""The agent: what is said is kept, what is asked is not, and one process has the home."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from adapter_builds import build_folder, exam_of, unsaved
from scripted_engine import BASE, ScriptedEngine

import dormouse
from dormouse.memory.adapters import Registry
from dormouse.memory.engine import Message
from dormouse.memory.errors import BadInput, EngineError, HomeLocked
from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.aio import AsyncAgent
from dormouse.runtime.errors import AgentClosed, BadLine, BadTurn
from dormouse.runtime.records import Reply
from dormouse.runtime.spec import Spec
from dormouse.runtime.turns import ReplyStream

Build = Callable[..., Agent]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """An agent over one home; closed after the test."""
    built: list[Agent] = []

    def agent(engine: ScriptedEngine | None = None, spec: Spec | None = None) -> Agent:
        built.append(Agent(spec, home=tmp_path / "home", engine=engine or ScriptedEngine(), base=BASE))
        return built[-1]

    yield agent
    for each in built:
        each.close()


def publish(home: Path, content: str, passed: bool = True) -> str:
    registry = Registry(home / "adapters", BASE.sha256)
    build = home.parent / "build"
    id = registry.add(build_folder(build, content), unsaved()).id
    shutil.rmtree(build)
    registry.record_exam(id, exam_of(id, passed))
    registry.publish(id)
    return id


def test_a_chat_is_one_session_until_a_new_one_is_begun(build: Build) -> None:
    engine = ScriptedEngine()
    agent = build(engine)
    first, second = agent.chat("one"), agent.chat("two")
    assert first.session == second.session
    assert [m.content for m in engine.asked[-1].messages[1:]] == ["one", "You said: one", "two"]
    agent.new_session()
    third = agent.chat("three")
    assert third.session != first.session
    assert [m.role for m in engine.asked[-1].messages] == ["system", "user"]
    assert agent.new_session(first.session) == first.session


def test_a_reply_says_what_it_rests_on(build: Build) -> None:
    agent = build()
    reply = agent.chat("hello there")
    assert reply == Reply(
        text="You said: hello there",
        session=reply.session,
        turn_id=2,
        abstained=False,
        sources=(),
        adapter=None,
        tokens=4,
        ms=reply.ms,
        interrupted=False,
    )


def test_ask_leaves_no_trace_and_has_no_context(build: Build, tmp_path: Path) -> None:
    engine = ScriptedEngine()
    agent = build(engine)
    agent.chat("hello")
    agent.ask("what?")
    assert [m.content for m in engine.asked[-1].messages] == [
        "You are Dormouse, a helpful assistant.",
        "what?",
    ]
    agent.close()
    with Journal(tmp_path / "home" / "journal.db", read_only=True) as journal:
        assert len(journal.sessions()) == 1
        assert len(journal.turns(journal.sessions()[0].id)) == 2


def test_tiers_choose_retrieval_and_adapter(build: Build, tmp_path: Path) -> None:
    id = publish(tmp_path / "home", "a")
    engine = ScriptedEngine()
    agent = build(engine)
    heard = agent.chat("My dog is called Zorbal.").turn_id - 1
    seen = {tiers: agent.ask("What is my dog called?", tiers) for tiers in ("weights", "store", "both")}
    assert {tiers: (a.sources, a.adapter) for tiers, a in seen.items()} == {
        "weights": ((), id),
        "store": ((heard,), None),
        "both": ((heard,), id),
    }


def test_tools_are_not_offered_where_only_weights_or_store_answer(build: Build) -> None:
    engine = ScriptedEngine()
    agent = build(engine, Spec.model_validate({"tools": ["clock"]}))
    for tiers, decisions in (("weights", 0), ("store", 0), ("both", 1)):
        engine.asked.clear()
        agent.ask("what time is it?", tiers)  # type: ignore[arg-type]
        assert sum(asked.sampling.json_schema is not None for asked in engine.asked) == decisions


def test_abstention_is_told(build: Build) -> None:
    engine = ScriptedEngine(script=lambda messages: "I don't know that.")
    agent = build(engine)
    assert agent.chat("?").abstained
    assert agent.ask("?").abstained
    engine.script = lambda messages: "Oslo."
    assert not agent.ask("?").abstained


@pytest.mark.parametrize("text", ["", "  ", "x" * 32_001, "a\x00"])
def test_a_bad_turn_is_refused_and_nothing_is_journaled(build: Build, tmp_path: Path, text: str) -> None:
    agent = build()
    for call in (agent.chat, agent.ask, agent.stream):
        with pytest.raises(BadTurn):
            call(text)
    with Journal(tmp_path / "home" / "journal.db", read_only=True) as journal:
        assert journal.sessions() == []


def test_tell_answers_each_line_in_its_session(build: Build) -> None:
    engine = ScriptedEngine()
    agent = build(engine)
    seen: list[tuple[int, int]] = []
    lines = [("a", "one"), ("b", "two"), ("a", "three")]
    report = agent.tell(
        [{"session": s, "content": c} for s, c in lines], lambda done, total: seen.append((done, total))
    )
    assert (report.turns, report.sessions) == (3, ("a", "b"))
    assert [reply.session for reply in report.replies] == ["a", "b", "a"]
    assert [m.content for m in engine.asked[-1].messages[1:]] == ["one", "You said: one", "three"]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_tell_uses_nothing_of_a_file_with_a_fault(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text('{"session": "a", "content": "one"}\n{"session": "a"}\n')
    engine = ScriptedEngine()
    with pytest.raises(BadLine):
        build(engine).tell(path)
    assert engine.asked == []


def test_exam_asks_each_item_with_an_empty_context(build: Build) -> None:
    engine = ScriptedEngine(script=lambda messages: "It is Zorbal.")
    agent = build(engine)
    agent.chat("hello")
    items: list[dict[str, object]] = [
        {"id": "a", "question": "dog?", "kind": "fact", "expect": ["zorbal"]},
        {"id": "b", "question": "cat?", "kind": "unknown"},
    ]
    report = agent.exam(items)
    assert {kind: (count["n"], count["passed"]) for kind, count in report.kinds.items()} == {
        "fact": (1, 1),
        "unknown": (1, 0),
    }
    assert [len(asked.messages) for asked in engine.asked[-2:]] == [2, 2]


def test_a_stream_gives_pieces_and_then_the_reply(build: Build) -> None:
    with build().stream("hello there") as pieces:
        assert list(pieces) == ["You", " said:", " hello", " there"]
        assert pieces.reply.text == "You said: hello there"


def test_a_stream_nobody_reads_is_answered_all_the_same(build: Build, tmp_path: Path) -> None:
    agent = build()
    assert agent.stream("hello").reply.text == "You said: hello"


def test_closing_a_stream_stops_the_answer_and_keeps_what_was_said(build: Build, tmp_path: Path) -> None:
    opened: list[ReplyStream] = []

    def slow(said: int) -> None:
        while said == 2 and not (opened and opened[0]._cancel.is_set()):
            time.sleep(0.01)

    agent = build(ScriptedEngine(before_token=slow))
    stream = agent.stream("one two three")
    opened.append(stream)
    assert [next(stream), next(stream)] == ["You", " said:"]
    stream.close()
    assert stream.reply.interrupted
    with Journal(tmp_path / "home" / "journal.db", read_only=True) as journal:
        states = [(t.content, t.state) for t in journal.turns(stream.reply.session)]
    assert states == [("one two three", "complete"), ("You said:", "interrupted")]


def test_closing_the_agent_ends_a_turn_being_answered(build: Build, tmp_path: Path) -> None:
    agent = build(ScriptedEngine(before_token=lambda said: time.sleep(0.02), script=lambda m: "go on " * 999))
    stream = agent.stream("hello")
    next(stream)
    agent.close()
    with Journal(tmp_path / "home" / "journal.db", read_only=True) as journal:
        assert journal.turns(journal.sessions()[0].id)[1].state == "interrupted"
    with pytest.raises(AgentClosed):
        agent.chat("again")
    agent.close()


def test_an_engines_failure_reaches_the_reader(build: Build) -> None:
    def fail(said: int) -> None:
        raise EngineError("on fire")

    agent = build(ScriptedEngine(before_token=fail))
    with pytest.raises(EngineError, match="on fire"):
        agent.chat("hello")
    stream = agent.stream("hello")
    with pytest.raises(EngineError):
        list(stream)


def test_turns_from_many_threads_are_taken_one_after_the_other(build: Build, tmp_path: Path) -> None:
    agent = build(ScriptedEngine(before_token=lambda said: time.sleep(0.001)))
    session = agent.new_session()
    threads = [threading.Thread(target=agent.chat, args=(f"n{n}", session)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Journal(tmp_path / "home" / "journal.db", read_only=True) as journal:
        turns = journal.turns(session)
    assert [turn.role for turn in turns] == ["user", "assistant"] * 8
    assert all(a.reply_to == u.id for u, a in zip(turns[::2], turns[1::2], strict=True))


def test_a_second_agent_is_told_who_has_the_home(build: Build, tmp_path: Path) -> None:
    build()
    with pytest.raises(HomeLocked, match=str(os.getpid())):
        Agent(home=tmp_path / "home")


def test_a_home_is_free_again_after_close_and_after_a_failed_opening(build: Build, tmp_path: Path) -> None:
    build().close()
    home = tmp_path / "home"
    journal = home / "journal.db"
    good = journal.read_bytes()
    for name in ("journal.db-wal", "journal.db-shm"):
        (home / name).unlink(missing_ok=True)
    journal.write_bytes(b"not a journal" * 999)
    with pytest.raises(Exception, match="journal"):
        Agent(home=home)
    journal.write_bytes(good)
    build().chat("hello")


def test_the_published_adapter_is_mounted_and_a_damaged_one_is_a_warning(
    build: Build, tmp_path: Path
) -> None:
    first = publish(tmp_path / "home", "a")
    second = publish(tmp_path / "home", "b")
    (tmp_path / "home" / "adapters" / second / "adapter.gguf").write_bytes(b"GGUF damaged")
    agent = build()
    assert agent.chat("hello").adapter == first
    assert second in agent.warnings[0]


def test_memories_are_listed(build: Build) -> None:
    assert build().memories() == []


def test_async_twins_do_the_same(build: Build) -> None:
    agent = build()

    async def talk() -> tuple[str, list[str], str, int]:
        aio = agent.aio
        reply = await aio.chat("one")
        stream = await aio.stream("two")
        pieces = [piece async for piece in stream]
        answer = await aio.ask("three", tiers="weights")
        return reply.text, pieces, answer.answer, (await stream.reply()).tokens

    assert asyncio.run(talk()) == ("You said: one", ["You", " said:", " two"], "You said: three", 3)


def test_every_method_of_an_agent_has_an_async_twin_that_takes_the_same() -> None:
    def methods(kind: type[object]) -> dict[str, inspect.Signature]:
        public = {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}
        return {name: inspect.signature(value) for name, value in public.items() if callable(value)}

    properties = {
        name for name, value in inspect.getmembers(Agent) if isinstance(value, property) and name[0] != "_"
    }
    assert properties == {"aio", "home", "last_turn", "napping", "sleeping", "space", "warnings", "way"}
    wanted, twins = methods(Agent), methods(AsyncAgent)
    del wanted["load"]  # makes an agent
    assert twins == wanted
    assert all(inspect.iscoroutinefunction(getattr(AsyncAgent, name)) for name in twins)


def test_async_streams_and_agents_close_with_their_block(build: Build) -> None:
    agent = build()

    async def talk() -> tuple[list[str], list[str]]:
        async with agent.aio as aio:
            async with await aio.stream("two", variation=1, once="a key") as stream:
                pieces = [piece async for piece in stream]
            heard = asyncio.create_task(aio.heard("a key"))
            return pieces, [turn.content for turn in await heard]

    assert asyncio.run(talk()) == (["You", " said:", " two"], ["two", "You said: two"])
    with pytest.raises(AgentClosed):
        agent.sessions()


def test_the_library_is_a_few_names_and_loads_nothing_heavy() -> None:
    assert dormouse.Agent is Agent
    code = (
        "import sys; from dormouse import Agent, Spec; Spec(); "
        "print(sorted({'torch','transformers','langgraph','llama_cpp'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=here())
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


def here(**more: str) -> dict[str, str]:
    """An environment in which the package and the tests' modules are found."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **more}


KILLED = """
import sys, time
from pathlib import Path
from scripted_engine import BASE, ScriptedEngine
from dormouse.runtime.agent import Agent
from dormouse.runtime.aio import AsyncAgent
def slow(said):
    if said == 2:
        print("now", flush=True)
        time.sleep(60)
Agent(home=sys.argv[1], engine=ScriptedEngine(before_token=slow), base=BASE).chat("hello")
"""


def test_a_turn_killed_midway_is_interrupted_at_the_next_start(build: Build, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home)], stdout=subprocess.PIPE, env=here(), text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
    agent = build()
    with Journal(home / "journal.db", read_only=True) as journal:
        session = journal.sessions()[0].id
        assert [(t.role, t.state) for t in journal.turns(session)] == [
            ("user", "complete"),
            ("assistant", "interrupted"),
        ]
    assert agent.chat("again", session).text == "You said: hello\n\nagain"


def test_a_bad_session_name_is_bad_input(build: Build) -> None:
    with pytest.raises(BadInput):
        build().chat("hello", "x" * 300)


WANTED = '{"tool": "remember", "arguments": {"note": "The boiler is old."}}'


def remembering(messages: Sequence[Message]) -> str:
    if "Say as JSON" not in messages[-1].content:
        return "All right."
    return '{"tool": "none"}' if any(message.role == "tool" for message in messages) else WANTED


def test_a_call_waits_for_a_yes_in_whatever_process(build: Build) -> None:
    spec = Spec.model_validate({"tools": ["remember"]})
    first = build(ScriptedEngine(script=remembering), spec)
    reply = first.chat("Note that the boiler is old.", wait=True)
    assert reply.waiting is not None and reply.text == "" and not reply.interrupted
    first.close()
    agent = build(ScriptedEngine(script=remembering), spec)
    (call,) = agent.waiting()
    assert (call.name, call.id) == ("remember", reply.waiting.id)
    with agent.resume(call.id, True) as pieces:
        kinds = [event.kind for event in pieces.events()]
        assert pieces.reply.text == "All right." and pieces.reply.calls == (call.id,)
    assert "result" in kinds and kinds[-1] == "node" and "token" in kinds
    assert agent.waiting() == []
    with pytest.raises(BadInput):
        agent.resume(call.id, True)
    agent.close()
    with Journal(agent._space.home.journal_path, read_only=True) as journal:
        assert [turn.content for turn in journal.turns("notes")] == ["The boiler is old."]


def test_where_nobody_is_asked_a_call_that_needs_it_is_refused(build: Build) -> None:
    agent = build(ScriptedEngine(script=remembering), Spec.model_validate({"tools": ["remember"]}))
    assert agent.chat("Note that.").text == agent.ask("Note that.").answer == "All right."
    assert all(session.id != "notes" for session in agent._space.journal.sessions())
    assert agent.chat("Note that.", approve=lambda question: question.name == "remember").calls
    assert agent._space.journal.turns("notes")
