"""Two users on one server: two hundred turns at the same time, and forty ways to read the other's memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hashed_embedder import HashedEmbedder
from scripted_engine import ScriptedEngine
from served import Served, serving
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory.engine import Message
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.memory.records import Memory
from dormouse.runtime.server.settings import ServeSettings
from dormouse.runtime.server.tokens import Tokens

TURNS = 100
SECRETS = ("Zanzibar", "Quillfeather", "Obsidian")
SETTINGS = ServeSettings(requests_per_minute=100_000)


class User:
    """A client with a token of its own."""

    def __init__(self, served: Served, name: str) -> None:
        self.name = name
        self.token, self.record = Tokens(served.scopes.path).add(name)
        self.http = httpx.Client(
            base_url=served.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=120
        )

    def chat(self, words: str, **more: Any) -> Any:
        body = {"messages": [{"role": "user", "content": words}], "max_tokens": 3, **more}
        answered = self.http.post("/v1/chat/completions", json=body)
        assert answered.status_code == 200, answered.text
        return answered.json()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("isolation")
    gguf = write_tiny_llama(folder / "base.gguf", shape=TinyShape(context=4096), seed=3)
    with (
        LlamaEngine(gguf, context_tokens=4096, threads=1) as engine,
        serving(folder / "home", engine, SETTINGS, demands_tokens=True, embedder=HashedEmbedder()) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def users(served: Served) -> Iterator[tuple[User, User]]:
    """Anna, whose memories are to stay hers, and Bert, who wants them; both have talked at the same time."""
    anna, bert = User(served, "anna"), User(served, "bert")
    first = bert.chat("hello you", store=False)["choices"][0]["message"]["content"]

    def talk(user: User, words: str) -> None:
        for number in range(TURNS):
            user.chat(f"{words} Note {number}.", session=f"{user.name}s-talk-{number % 5}")

    threads = [
        threading.Thread(target=talk, args=pair)
        for pair in ((anna, f"My code word is {SECRETS[0]}."), (bert, "I like trams."))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # What the engine had cached of hers changes nothing of what he is answered.
    assert bert.chat("hello you", store=False)["choices"][0]["message"]["content"] == first
    anna.http.post("/v1/memories", json={"text": f"My cat is {SECRETS[1]}.", "session": "cats"})
    with served.scopes.using("anna") as agent:
        turn = agent.recall(SECRETS[1], 1)[0][0]
        memory = Memory(
            id="a1b2c3d4e5f60718",
            subject="cat",
            attribute="name",
            value=SECRETS[2],
            quote=turn.content,
            statement=f"The cat is {SECRETS[2]}.",
            turn_ids=(turn.id,),
            created_at=datetime.now(UTC),
        )
        agent.space.journal.put_memories([memory])
    yield anna, bert
    anna.http.close()
    bert.http.close()


def test_each_has_their_own_turns_and_all_of_them(served: Served, users: tuple[User, User]) -> None:
    for user, own, other in ((*users, "trams"), (users[1], users[0], SECRETS[0])):
        listed = user.http.get("/v1/sessions", params={"limit": 1000}).json()["data"]
        turns = [
            turn
            for session in listed
            for turn in user.http.get(f"/v1/sessions/{session['id']}/turns").json()["data"]
        ]
        said = [turn for turn in turns if turn["session_id"].startswith(f"{user.name}s-talk")]
        assert len(said) == 2 * TURNS and {turn["state"] for turn in said} == {"complete"}
        assert other not in str(turns) and own is not user


ATTEMPTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/v1/sessions", {}),
    ("GET", "/v1/sessions/annas-talk-0/turns", {}),
    ("GET", "/v1/sessions/cats/turns", {}),
    ("GET", "/v1/sessions/..%2F..%2Fanna%2Fcats/turns", {}),
    ("GET", "/v1/sessions/%25/turns", {}),
    ("GET", "/v1/memories", {}),
    ("GET", "/v1/memories/a1b2c3d4e5f60718", {}),
    ("GET", "/v1/memories/a", {}),
    ("GET", "/v1/memories/..%2Fanna", {}),
    ("DELETE", "/v1/memories/a1b2c3d4e5f60718", {}),
    ("POST", "/v1/forget", {"json": {"matching": SECRETS[0]}}),
    ("POST", "/v1/forget", {"json": {"matching": SECRETS[2], "user": "anna"}}),
    ("GET", "/v1/recall", {"params": {"query": SECRETS[0], "k": 1000}}),
    ("GET", "/v1/recall", {"params": {"query": "code word cat", "k": 1000, "user": "anna"}}),
    ("GET", "/v1/recall", {"params": {"query": '" OR 1=1 --'}}),
    ("GET", "/v1/recall", {"params": {"query": "') UNION SELECT content FROM turns --"}}),
    ("GET", "/v1/recall", {"params": {"query": 'content:Zanz* OR NEAR("code" "word")'}}),
    ("GET", "/v1/recall", {"params": {"query": "*", "scope": "anna", "home": "../anna"}}),
    ("GET", "/v1/why", {"params": {"text": f"What is my code word? {SECRETS[0]}"}}),
    ("GET", "/v1/why", {"params": {"text": "The cat is"}}),
    ("GET", "/v1/nights", {}),
    ("GET", "/v1/nights/n0001", {}),
    ("GET", "/v1/adapters", {}),
    ("GET", "/v1/adapters/a", {}),
    ("GET", "/v1/adapters/..%2F..%2F..%2Fanna%2Fadapters", {}),
    ("GET", "/v1/sleep", {}),
    ("GET", "/v1/memories", {"headers": {"X-User": "anna", "X-Forwarded-User": "anna", "From": "anna"}}),
    ("GET", "/v1/memories", {"headers": {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}}),
    ("GET", "/v1/memories", {"headers": {"Authorization": "Bearer anna"}}),
    ("GET", "/v1/memories", {"headers": {"Authorization": "bearer"}}),
    ("GET", "/v1/memories", {"headers": {"Authorization": "Basic YW5uYTphbm5h"}}),
    ("GET", "/v1/memories", {"headers": {"Authorization": "Bearer dm_" + "A" * 43}}),
    ("GET", "/v1/memories", {"headers": {"Cookie": "user=anna", "X-Original-URL": "/v1/memories"}}),
    ("GET", "/v1/memories", {"params": {"user": "anna", "token": "anna"}}),
    ("GET", "/users/anna/journal.db", {}),
    ("GET", "/v1/..%2F..%2Fusers%2Fanna%2Fjournal.db", {}),
    ("GET", "//users/anna/journal.db", {}),
    ("GET", "/v1/sessions/%00/turns", {}),
    ("POST", "/v1/chat/completions", {"json": {"session": "annas-talk-0", "user": "anna"}}),
    ("POST", "/v1/chat/completions", {"json": {"session": "../anna/cats", "metadata": {"user": "anna"}}}),
    ("POST", "/v1/embeddings", {"json": {"input": "code word", "model": "../anna"}}),
    ("POST", "/v1/memories", {"json": {"text": "Read it all.", "session": "cats"}}),
    ("GET", "/v1/models", {}),
    ("GET", "/v1/models/anna", {}),
    ("GET", "/metrics", {}),
    ("GET", "/openapi.json", {}),
]


def test_there_are_forty_attempts_and_some_at_every_operation_of_the_document(served: Served) -> None:
    assert len(ATTEMPTS) >= 40
    tokens = {"Authorization": f"Bearer {Tokens(served.scopes.path).add('carl')[0]}"}
    paths = httpx.get(f"{served.url}/openapi.json", headers=tokens).json()["paths"]
    for path, operations in paths.items():
        for operation in operations:
            asked = (operation.upper(), re.sub(r"\{\w+\}", "[^/]+", path))
            assert asked in HARMLESS or any(
                method == asked[0] and re.fullmatch(asked[1], url) for method, url, _ in ATTEMPTS
            ), asked


HARMLESS = [("POST", "/v1/sleep"), ("GET", "/healthz")]
"""A night of the user's own, which would train for minutes; and what is told to anybody."""


def parrot(messages: Sequence[Message]) -> str:
    """All that the engine was shown."""
    return " ".join(message.content for message in messages)


def test_what_the_engine_is_shown_for_one_holds_nothing_of_the_other(tmp_path: Path) -> None:
    engine = ScriptedEngine(parrot)
    with serving(tmp_path, engine, SETTINGS, demands_tokens=True, embedder=HashedEmbedder()) as served:
        anna, bert = User(served, "anna"), User(served, "bert")
        anna.chat(f"My code word is {SECRETS[0]}.", session="talk", max_tokens=90)
        for user, knows in ((anna, True), (bert, False)):
            for more in ({"session": "other"}, {"session": "talk"}, {"user": "anna"}):
                said = user.chat("What is my code word?", max_tokens=200, **more)
                shown = said["choices"][0]["message"]["content"]
                assert (SECRETS[0] in shown) == knows, shown
        anna.http.close()
        bert.http.close()


@pytest.mark.parametrize(("method", "path", "given"), ATTEMPTS)
def test_no_attempt_reads_or_changes_what_is_the_others(
    users: tuple[User, User], method: str, path: str, given: dict[str, Any]
) -> None:
    anna, bert = users
    before = everything_of(anna)
    if path.endswith("completions"):
        body = {"messages": [{"role": "user", "content": "Say it."}], "max_tokens": 3}
        given = {"json": {**body, **given["json"]}}
    got = bert.http.request(method, path, **given)
    assert got.status_code < 500
    # What he sent comes back where it is his own: a question is part of its answer.
    sent = str(given)
    assert not [word for word in SECRETS if word in got.text and word not in sent], got.text
    assert "anna" not in got.text or "anna" in sent + path
    assert everything_of(anna) == before


def test_how_much_of_a_prompt_was_cached_tells_nobody_what_another_was_told(
    users: tuple[User, User],
) -> None:
    anna, bert = users

    def cached(user: User, words: str) -> int:
        return int(user.chat(words, store=False)["usage"]["prompt_tokens_details"]["cached_tokens"])

    hers, other = f"My code word is {SECRETS[0]}, as ever.", "The ferry was late again."
    cached(anna, hers)
    assert cached(anna, hers) > 40, "what is her own is reused for her"
    cached(bert, other)
    cached(anna, hers)
    guessed = cached(bert, hers)
    cached(bert, other)
    cached(anna, "It rains.")
    assert guessed == cached(bert, hers), "he sees what his own last prompt shared with it, whatever hers was"


def test_a_token_that_was_revoked_opens_nothing(served: Served, users: tuple[User, User]) -> None:
    carl = User(served, "carl")
    assert carl.http.get("/v1/memories").status_code == 200
    Tokens(served.scopes.path).revoke(carl.record.id)
    assert carl.http.get("/v1/memories").status_code == 401
    carl.http.close()


def everything_of(user: User) -> list[Any]:
    found = [user.http.get(path).json() for path in ("/v1/sessions", "/v1/memories")]
    assert SECRETS[2] in str(found)
    return [*found, user.http.get("/v1/sessions/cats/turns").json(), datetime.now(UTC).year]


def test_the_files_of_one_are_not_under_the_other(served: Served, users: tuple[User, User]) -> None:
    others = Path(served.scopes.home_of("bert"))
    for path in others.rglob("*"):
        assert not path.is_file() or not any(word.encode() in path.read_bytes() for word in SECRETS)
