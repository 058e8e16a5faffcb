"""Turns over HTTP: refused before they are heard, heard once, and as evident as those of a chat."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hashed_embedder import HashedEmbedder
from scripted_engine import BASE, ScriptedEngine
from served import serving

from dormouse.graphs.chat import ChatMessage, ChatRequest, FunctionCall
from dormouse.graphs.evidence import unpack
from dormouse.memory.engine import Token
from dormouse.memory.journal import Turn
from dormouse.runtime.agent import Agent
from dormouse.runtime.chats import Heard
from dormouse.runtime.doors.client import mark_path
from dormouse.runtime.doors.server import DoorServer
from dormouse.runtime.part import Part
from dormouse.runtime.scopes import Scopes
from dormouse.runtime.server.settings import ServeSettings
from dormouse.runtime.server.tokens import Tokens
from dormouse.runtime.spec import Spec
from dormouse.verifiers.abc import Claim, Verdict, Verifier


def chat(url: str, words: str, **more: Any) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": words}], **more}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120)


def said_by(agent: Agent, role: str) -> list[Turn]:
    journal = agent.space.journal
    return [t for session in journal.sessions() for t in journal.turns(session.id) if t.role == role]


def test_of_a_burst_those_that_are_refused_were_not_journaled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, told, hearing, all_came = 5, [0], Agent.hear, threading.Event()

    def came() -> None:
        told[0] += 1
        if told[0] == count:
            all_came.set()

    def slow(self: Agent, *given: Any, **more: Any) -> Heard:
        came()
        all_came.wait(120)
        return hearing(self, *given, **more)

    monkeypatch.setattr(Agent, "hear", slow)
    limits = ServeSettings(max_waiting=1, max_waiting_per_user=1)
    with serving(tmp_path, settings=limits, embedder=HashedEmbedder()) as server:

        def ask(number: int) -> int:
            status = chat(server.url, f"I am number {number}.").status_code
            if status != 200:
                came()
            return status

        with ThreadPoolExecutor(count) as pool:
            statuses = list(pool.map(ask, range(count)))
        assert sorted(statuses) == [200, 200, 429, 429, 429]
        assert len(said_by(server.scopes.owner, "user")) == 2


def test_several_answers_from_one_place_are_all_given_though_the_queue_is_full(tmp_path: Path) -> None:
    limits = ServeSettings(max_waiting=0, max_waiting_per_user=0)
    with serving(tmp_path, settings=limits, embedder=HashedEmbedder()) as server:
        assert len(chat(server.url, "Hello.", n=3).json()["choices"]) == 3
        assert chat(server.url, "Hello again.").status_code == 200


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE, attach=False) as agent:
        agent.space.embedder = HashedEmbedder
        yield agent


def asked(*messages: tuple[str, str]) -> ChatRequest:
    return ChatRequest(tuple(ChatMessage(role, words) for role, words in messages))  # type: ignore[arg-type]


FIRST = asked(("user", "My dog is Vex."))
ON = asked(("user", "My dog is Vex."), ("assistant", "You said: My dog is Vex."), ("user", "Who is Vex?"))


def test_words_that_were_not_answered_are_journaled_once_when_they_are_sent_again(agent: Agent) -> None:
    first, again = agent.hear(FIRST), agent.hear(FIRST)
    assert (again.session, again.user_turn_id) == (first.session, first.user_turn_id)
    agent.answer(again, lambda event: None, lambda: True)  # interrupted: its client has gone
    third = agent.hear(FIRST)
    assert third.user_turn_id == first.user_turn_id
    agent.answer(third)
    assert [turn.content for turn in said_by(agent, "user")] == ["My dog is Vex."]
    assert [turn.state for turn in said_by(agent, "assistant")] == ["complete"]


def test_words_whose_answer_was_lost_on_the_way_are_journaled_once_and_the_lost_answer_is_withdrawn(
    agent: Agent,
) -> None:
    agent.answer(agent.hear(FIRST))
    heard = agent.hear(ON)
    lost = agent.answer(heard).turn_id
    again = agent.hear(ON)
    kept = agent.answer(again).turn_id
    assert again.user_turn_id == heard.user_turn_id
    assert [turn.content for turn in said_by(agent, "user")] == ["My dog is Vex.", "Who is Vex?"]
    assert kept in (ids := [turn.id for turn in said_by(agent, "assistant")]) and lost not in ids


def test_in_a_named_session_an_unanswered_turn_is_taken_up_again_and_an_answered_one_said_anew(
    agent: Agent,
) -> None:
    agent.hear(FIRST, "walk")
    heard = agent.hear(FIRST, "walk")
    assert [m.content for m in heard.request.messages] == ["My dog is Vex."]
    agent.answer(heard)
    agent.answer(agent.hear(FIRST, "walk"))
    assert len(said_by(agent, "user")) == len(said_by(agent, "assistant")) == 2


def test_a_first_message_that_is_said_to_be_sent_again_goes_on_in_its_session_in_another_process_too(
    tmp_path: Path,
) -> None:
    sessions = set()
    for again in (False, True):
        with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE, attach=False) as agent:
            agent.space.embedder = HashedEmbedder
            sessions.add(agent.answer(agent.hear(FIRST, again=again)).session)
            assert [len(said_by(agent, role)) for role in ("user", "assistant")] == [1, 1]
    assert len(sessions) == 1


def test_a_turn_whose_answer_was_being_generated_when_its_server_died_is_taken_up_again(
    tmp_path: Path,
) -> None:
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE, attach=False) as agent:
        heard = agent.hear(FIRST)
        assert heard.session is not None
        agent.space.journal.add_turn(
            heard.session, "assistant", "", reply_to=heard.user_turn_id, state="pending"
        )  # as a kill leaves it
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE, attach=False) as agent:
        agent.space.embedder = HashedEmbedder
        again = agent.hear(FIRST)
        assert (again.session, again.user_turn_id) == (heard.session, heard.user_turn_id)
        agent.answer(again)
        assert [turn.state for turn in said_by(agent, "assistant")] == ["complete"]


def test_another_process_knows_words_again_that_were_not_answered(tmp_path: Path) -> None:
    for _ in range(2):
        with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE, attach=False) as agent:
            agent.hear(FIRST)
            assert len(said_by(agent, "user")) == 1


def test_the_same_beginning_of_another_chat_is_another_session(agent: Agent) -> None:
    first = agent.answer(agent.hear(FIRST)).session
    assert agent.answer(agent.hear(FIRST)).session != first


def test_a_result_that_is_sent_again_is_journaled_once_and_stays_in_its_session(agent: Agent) -> None:
    call = FunctionCall("c1", "look", '{"city": "Oslo"}')
    told = (ChatMessage("user", "Rain?"), ChatMessage("assistant", "", (call,)))
    given = ChatRequest((*told, ChatMessage("tool", "Yes.", call_id="c1")))
    first = agent.hear(ChatRequest(told[:1]))
    heard, again = agent.hear(given), agent.hear(given)
    assert {first.session, heard.session, again.session} == {first.session}
    assert heard.calls == again.calls and len(said_by(agent, "tool")) == 1


class Watching(Verifier):
    """Says what it was shown, and is sure of nothing; breaks on what it is told to break on."""

    name = "watching"

    def judge(self, claim: Claim) -> Verdict:
        if "break" in claim.source:
            raise ZeroDivisionError("by nought")
        steps = [(step.name, dict(step.arguments), step.result) for step in claim.steps]
        return Verdict("unsure", f"{claim.text} | {claim.source} | {steps}", 0.5)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Part, "_verifiers", (Watching(),))


def test_a_served_answer_gets_its_verdict_and_one_that_could_not_be_given_breaks_nothing(
    tmp_path: Path, watched: None
) -> None:
    with serving(tmp_path, embedder=HashedEmbedder()) as server:
        assert chat(server.url, "Hello.").status_code == chat(server.url, "break it").status_code == 200
        journal = server.scopes.owner.space.journal
        found = [journal.judgements(turn.id)[0] for turn in said_by(server.scopes.owner, "assistant")]
    assert [(v.verifier, v.outcome) for v in found] == [("watching", "unsure")] * 2
    assert found[0].evidence == "You said: Hello. | Hello. | []"
    assert found[1].evidence == "The verifier watching broke: ZeroDivisionError: by nought"


def test_a_served_call_is_judged_once_and_the_answer_with_its_steps(agent: Agent, watched: None) -> None:
    call = FunctionCall("c1", "look", '{"city": "Oslo"}')
    given = ChatRequest(
        (
            ChatMessage("user", "Rain?"),
            ChatMessage("assistant", "", (call,)),
            ChatMessage("tool", "Yes.", call_id="c1"),
        )
    )
    agent.answer(agent.hear(given), lambda event: None, lambda: True)
    reply = agent.answer(agent.hear(given))
    journal, (result,) = agent.space.journal, said_by(agent, "tool")
    steps = [("look", {"city": "Oslo"}, "Yes.")]
    assert [v.evidence for v in journal.judgements(result.id)] == [f'Yes. | {{"city": "Oslo"}} | {steps}']
    assert [v.evidence for v in journal.judgements(reply.turn_id)] == [
        f"{reply.answer.text} | Rain? | {steps}"
    ]


@pytest.mark.parametrize(("declared", "asked_for", "kept"), [(32, 0, 32), (3, 20, 3), (0, 5, None)])
def test_a_served_answer_keeps_as_many_of_the_likeliest_tokens_as_declared(
    tmp_path: Path, declared: int, asked_for: int, kept: int | None
) -> None:
    class Wide(ScriptedEngine):
        def _tokens(self, messages: Any, sampling: Any, adapters: Any, cancelled: Any) -> Any:
            tokens = super()._tokens(messages, sampling, adapters, cancelled)
            sent: list[Token] = []
            while True:
                try:
                    token = next(tokens)
                except StopIteration as end:
                    return replace(end.value, tokens=tuple(sent))
                top = tuple((id, -1.0 - id) for id in range(sampling.top_logprobs))
                sent.append(replace(token, top=top))
                yield sent[-1]

    spec = Spec.model_validate({"memory": {"traces": {"top_k": declared}}})
    with serving(tmp_path, Wide(), spec=spec, embedder=HashedEmbedder()) as server:
        scored = {"logprobs": True, "top_logprobs": asked_for} if asked_for else {}
        choice = chat(server.url, "Hello.", **scored).json()["choices"][0]
        (turn,) = said_by(server.scopes.owner, "assistant")
    if asked_for:
        assert {len(token["top_logprobs"]) for token in choice["logprobs"]["content"]} == {asked_for}
    assert ({len(t.top) for t in unpack(turn.evidence)} if turn.evidence else None) == (kept and {kept})


class Loading(ScriptedEngine):
    """Takes as long to open as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.opening, self.opened = threading.Event(), threading.Event()

    def __enter__(self) -> Loading:
        self.opening.set()
        self.opened.wait(120)
        return self


@pytest.mark.parametrize("stream", [False, True])
def test_while_a_model_is_loaded_for_log_probabilities_the_server_answers_others(
    tmp_path: Path, stream: bool
) -> None:
    engine = Loading()
    with serving(tmp_path, engine, embedder=HashedEmbedder()) as server, ThreadPoolExecutor(1) as pool:
        try:
            asking = pool.submit(chat, server.url, "Hello.", logprobs=True, top_logprobs=2, stream=stream)
            assert engine.opening.wait(120)
            assert httpx.get(f"{server.url}/healthz", timeout=20).json() == {"status": "ok"}
        finally:
            engine.opened.set()
        assert asking.result(120).status_code == 200


@contextmanager
def a_daemon(home: Path, engine: ScriptedEngine) -> Iterator[Agent]:
    with Agent(home=home, engine=engine, base=BASE, attach=False) as owner:
        owner.space.embedder = HashedEmbedder
        door = DoorServer(owner, home, {"warnings": lambda agent: list(agent.warnings)})
        mark_path(home).write_text("{}")
        try:
            yield owner
        finally:
            mark_path(home).unlink()
            door.close()


def test_beside_a_daemon_log_probabilities_are_the_daemons_and_no_second_engine_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"

    def second(self: Scopes) -> Any:
        raise AssertionError("a second engine is opened")

    monkeypatch.setattr(Scopes, "engine", second)
    with a_daemon(home, ScriptedEngine()), serving(home, beside_a_daemon=True) as server:
        whole = chat(server.url, "Hello.", logprobs=True, top_logprobs=1).json()
    content: list[Mapping[str, Any]] = whole["choices"][0]["logprobs"]["content"]
    assert [token["top_logprobs"][0]["token"] for token in content] == ["7"] * 3


def test_users_who_are_let_go_of_are_closed_beside_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing, closed = Agent.close, list[str]()

    def close(self: Agent) -> None:
        closed.append(threading.current_thread().name)
        closing(self)

    monkeypatch.setattr(Agent, "close", close)
    tokens = Tokens(tmp_path)
    with serving(tmp_path, settings=ServeSettings(max_open_users=1), embedder=HashedEmbedder()) as server:
        for user in ("anna", "bert"):
            token = {"Authorization": f"Bearer {tokens.add(user)[0]}"}
            said = {"messages": [{"role": "user", "content": "Hello."}]}
            got = httpx.post(f"{server.url}/v1/chat/completions", json=said, headers=token, timeout=120)
            assert got.status_code == 200
        by_then = list(closed)
    assert by_then and "serving" not in by_then
