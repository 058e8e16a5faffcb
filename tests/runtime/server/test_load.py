"""A server under load: many connections, readers that do not read, clients that go, bodies too large, and
SIGKILL.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from hashed_embedder import HashedEmbedder
from scripted_engine import ScriptedEngine
from served import Served, serving
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory.engine import Message, WakeEngine
from dormouse.memory.journal import Journal
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.server.settings import ServeSettings

CONNECTIONS, ASKING = 500, 150
JSON = {"Content-Type": "application/json"}
LIMITS = ServeSettings(requests_per_minute=1_000_000, max_waiting=256, max_waiting_per_user=256)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    return write_tiny_llama(folder / "base.gguf", shape=TinyShape(context=4096), seed=3)


@pytest.fixture
def engine(base: Path) -> Iterator[WakeEngine]:
    with LlamaEngine(base, context_tokens=4096, threads=1) as engine:
        yield engine


@pytest.fixture
def served(tmp_path: Path, engine: WakeEngine) -> Iterator[Served]:
    with serving(tmp_path / "home", engine, LIMITS) as server:
        yield server


def body(words: str, tokens: int, **more: Any) -> bytes:
    asked = {"messages": [{"role": "user", "content": words}], "max_tokens": tokens, **more}
    return json.dumps(asked).encode()


def sent(url: str, content: bytes, *, receive_buffer: int | None = None) -> socket.socket:
    """A connection on which a chat was asked for, and nothing read."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(120)
    connection.connect((host, int(port)))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def chat(url: str, words: str = "hello you", tokens: int = 4) -> httpx.Response:
    return httpx.post(f"{url}/v1/chat/completions", content=body(words, tokens), headers=JSON, timeout=120)


def at_rest(url: str, within_s: float = 120) -> dict[str, float]:
    """The engine's figures once nothing is asked of it any more."""
    deadline = time.monotonic() + within_s
    while True:
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        pairs = [line.rpartition(" ") for line in lines if "#" not in line]
        figures = {name: float(value) for name, _, value in pairs}
        if not figures["dormouse_engine_busy"] and not figures["dormouse_turns_waiting"]:
            return figures
        assert time.monotonic() < deadline, "the engine was never free again"
        time.sleep(0.05)


WORDS = 3000


def wordy(messages: Sequence[Message]) -> str:
    """An answer that is more than any socket holds, unless it is one who stays that asks."""
    return "Well." if "stay" in messages[-1].content else many_words(4000)


def many_words(letters: int) -> str:
    """Words so long, none of them the one before: an engine that says the same again is stopped."""
    return " ".join(f"{number * number}".ljust(letters, "x") for number in range(WORDS))


def test_a_reader_that_does_not_read_keeps_nobody_waiting(tmp_path: Path) -> None:
    engine = ScriptedEngine(wordy)
    long = body("hello you", WORDS, stream=True, store=False)
    with (
        serving(tmp_path, engine, LIMITS, embedder=HashedEmbedder()) as served,
        ExitStack() as open_ones,
    ):
        for _ in range(2):
            open_ones.enter_context(sent(served.url, long, receive_buffer=2048))
        assert chat(served.url, "And I stay.").status_code == 200  # while none of them has read a word
        at_rest(served.url)


def test_five_hundred_connections_are_answered_or_told_to_come_again(served: Served) -> None:
    with ExitStack() as open_ones:
        host, _, port = served.url.removeprefix("http://").partition(":")
        for _ in range(CONNECTIONS - ASKING):  # the beginning of a request, and no more
            half = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=120))
            half.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Le")
        asking = [
            open_ones.enter_context(sent(served.url, body(f"I am number {n}.", 2))) for n in range(ASKING)
        ]
        said = [connection.recv(200).split(b" ", 2)[1] for connection in asking]
    assert set(said) <= {b"200", b"429", b"503"} and said.count(b"200") >= ASKING - 20
    at_rest(served.url)
    turns = _turns(served)
    assert sum(turn["role"] == "assistant" for turn in turns) == said.count(b"200")
    assert {turn["state"] for turn in turns} == {"complete"}


def test_clients_that_go_free_the_engine_and_lose_nothing_that_was_heard(served: Served) -> None:
    for number in range(40):
        long = body(f"I leave, says {number}.", 3000, stream=bool(number % 2), temperature=1)
        gone = sent(served.url, long)
        if number % 4 == 0:
            time.sleep(0.02)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # a reset, not a farewell
        gone.close()
    assert chat(served.url, "And I stay.").status_code == 200
    at_rest(served.url)
    turns = _turns(served)
    assert sum(turn["tokens"] or 0 for turn in turns) < 40 * 3000 / 2
    assert {turn["state"] for turn in turns} <= {"complete", "interrupted"}
    assert "And I stay." in {turn["content"] for turn in turns}


def test_what_is_answered_to_clients_that_are_gone_ends_there(tmp_path: Path) -> None:
    def slowly(said: int) -> None:
        if said:
            began.set()
            time.sleep(0.01)  # half a minute for all the words

    began = threading.Event()
    engine = ScriptedEngine(lambda messages: many_words(1), before_token=slowly)
    with serving(tmp_path, engine, LIMITS, embedder=HashedEmbedder()) as served:
        for stream in (False, True):
            began.clear()
            gone = sent(served.url, body(f"I leave, streaming {stream}.", WORDS, stream=stream))
            assert began.wait(120)
            gone.close()
            at_rest(served.url)
        turns = [turn for turn in _turns(served) if turn["role"] == "assistant"]
    assert [turn["state"] for turn in turns] == ["interrupted"] * 2
    assert all(turn["tokens"] < WORDS for turn in turns)


def test_a_body_that_is_too_large_is_refused_and_not_read(served: Served) -> None:
    large = body("x" * 10_000_000, 2)
    assert httpx.post(f"{served.url}/v1/chat/completions", content=large, headers=JSON).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (large[at : at + 65_536] for at in range(0, len(large), 65_536))

    with pytest.raises((httpx.WriteError, httpx.ReadError, AssertionError)):  # cut off, or refused
        refused = httpx.post(f"{served.url}/v1/chat/completions", content=pieces(), headers=JSON)
        assert refused.status_code != 413
    assert chat(served.url).status_code == 200


def test_killed_under_load_no_turn_that_was_heard_is_lost(base: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"model: {{source: {base}, threads: 1}}\nserve: {{requests_per_minute: 1000000}}\n")
    answered: list[str] = []
    for round_ in range(2):
        server, url = _started(spec, home)
        threads = [
            threading.Thread(target=_keep_asking, args=(url, f"{round_}-{n}", answered)) for n in range(6)
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 120
        while len(answered) < 8 * (round_ + 1) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(server.pid, signal.SIGKILL)
        server.wait(120)
        for thread in threads:
            thread.join(120)
        assert len(answered) >= 8 * (round_ + 1)
    with Journal(home / "journal.db") as journal:
        turns = [turn for session in journal.sessions() for turn in journal.turns(session.id)]
    assert {turn.state for turn in turns} <= {"complete", "interrupted"}
    heard = {turn.content: turn for turn in turns if turn.role == "user"}
    replies = {turn.reply_to: turn for turn in turns if turn.role == "assistant"}
    for words in answered:
        assert replies[heard[words].id].state == "complete"


def _keep_asking(url: str, who: str, answered: list[str]) -> None:
    for number in range(10_000):
        words = f"I am {who}, and this is {number}."
        try:
            if chat(url, words, 6).status_code == 200:
                answered.append(words)
        except httpx.HTTPError:
            return


def _started(spec: Path, home: Path) -> tuple[subprocess.Popen[str], str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "dormouse.tui.cli", "serve", "--port", "0", "--spec", str(spec)]
    server = subprocess.Popen(
        [*command, "--home", str(home)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    for line in server.stderr:
        if "http://" in line:
            server.stderr.close()
            return server, "http://" + line.split("http://", 1)[1].split("/v1")[0]
    raise AssertionError("the server did not begin")


def _turns(served: Served) -> list[dict[str, Any]]:
    listed = httpx.get(f"{served.url}/v1/sessions", params={"limit": 1000}).json()["data"]
    return [
        turn
        for session in listed
        for turn in httpx.get(f"{served.url}/v1/sessions/{session['id']}/turns").json()["data"]
    ]
