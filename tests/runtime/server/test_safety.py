"""What the server lets nobody do: reach it from outside without a token, or keep it from others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from hashed_embedder import HashedEmbedder
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scripted_engine import BASE, ScriptedEngine
from served import serving
from starlette.types import ASGIApp, Message
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory.journal import Journal
from dormouse.runtime.errors import OpenDoor
from dormouse.runtime.scopes import Scopes
from dormouse.runtime.server.app import make_app
from dormouse.runtime.server.gate import Rates, Refused
from dormouse.runtime.server.serving import serve
from dormouse.runtime.server.settings import ServeSettings
from dormouse.runtime.server.tokens import Tokens
from dormouse.runtime.spec import Spec

HERE = ("localhost", "127.0.0.1:8377", "[::1]:8377", "LOCALHOST:1")
ELSEWHERE = ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8377", "192.168.0.7", "")


class Ready(Exception):
    """Raised where the server would begin to serve."""


def reaches(home: Path, host: str) -> tuple[str, bool]:
    """The address the server says it is ready at, and whether it asks for a token there."""
    told: list[tuple[str, bool]] = []

    def ready(url: str, needs_token: bool) -> None:
        told.append((url, needs_token))
        raise Ready

    with pytest.raises(Ready):
        serve(Spec(), home, ServeSettings(host=host, port=0), command="a test", ready=ready)
    return told[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_this_machine_it_listens_only_once_there_is_a_token(tmp_path: Path, host: str) -> None:
    with pytest.raises(OpenDoor):
        reaches(tmp_path, host)
    Tokens(tmp_path).add("anna")
    assert reaches(tmp_path, host)[1]


def test_on_this_machine_it_listens_without_a_token(tmp_path: Path) -> None:
    url, needs_token = reaches(tmp_path, "127.0.0.1")
    assert url.startswith("http://127.0.0.1:") and not needs_token


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Callable[..., ASGIApp]]:
    """Makes the server's app over one home, with the settings given."""
    with ExitStack() as stack:

        def made(*, tokens: bool = False, **settings: Any) -> ASGIApp:
            engine = ScriptedEngine()
            given: dict[str, Any] = {"engine": engine, "base": BASE, "embedder": HashedEmbedder()}
            scopes = stack.enter_context(Scopes(Spec(), tmp_path, owner="owner", command="a test", **given))
            return make_app(scopes, ServeSettings(**settings), demands_tokens=tokens)

        yield made


def answered(
    app: ASGIApp, path: str, headers: dict[str, str], body: list[Message] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], str]:
    """What the app answers to one request: its status, headers and body. A body that ends early is waited
    for.
    """
    came = list(body) if body is not None else [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if came:
            return came.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [
        (name.lower().encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()
    ]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": raw,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8377),
        "scheme": "http",
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 60))
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        *(({"host": name}, 200) for name in HERE),
        *(({"host": name}, 403) for name in ELSEWHERE),
        *(({"origin": f"http://{name}"}, 200) for name in HERE),
        *(({"origin": f"https://{name}"}, 403) for name in ELSEWHERE),
        ({"origin": "null"}, 403),
    ],
)
def test_without_tokens_another_sites_page_is_refused_by_host_and_by_origin(
    app: Callable[..., ASGIApp], headers: dict[str, str], status: int
) -> None:
    got, _, told = answered(app(), "/v1/models", headers)
    assert got == status and ("this machine's own names" in told) == (status == 403)


def test_whether_it_is_alive_is_told_to_anybody_and_nothing_else_is(app: Callable[..., ASGIApp]) -> None:
    closed = app(tokens=True, requests_per_minute=1)
    for _ in range(3):
        assert answered(closed, "/healthz", {"host": "anywhere"})[0] == 200
    for path in ("/v1/models", "/metrics", "/openapi.json", "/v1/memories"):
        assert answered(closed, path, {})[0] == 401


def test_a_user_may_ask_so_often_in_a_minute_and_keeps_nobody_else_from_asking() -> None:
    now = [0.0]
    rates = Rates(2, lambda: now[0])
    rates.take("anna")
    rates.take("anna")
    with pytest.raises(Refused) as refused:
        rates.take("anna")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "30"})
    rates.take("bert")
    now[0] = 30.0
    rates.take("anna")
    now[0] = 3600.0
    for _ in range(2):
        rates.take("anna")
    with pytest.raises(Refused):
        rates.take("anna")


def test_whose_rate_is_spent_is_told_by_the_token(app: Callable[..., ASGIApp], tmp_path: Path) -> None:
    made = app(requests_per_minute=2)
    anna, bert = ({"authorization": f"Bearer {Tokens(tmp_path).add(user)[0]}"} for user in ("anna", "bert"))
    assert [answered(made, "/v1/models", anna)[0] for _ in range(3)] == [200, 200, 429]
    assert answered(made, "/v1/models", bert)[0] == 200


def pieces(*bodies: bytes, more: bool = False) -> list[Message]:
    last = len(bodies) - 1
    return [
        {"type": "http.request", "body": body, "more_body": more or at < last}
        for at, body in enumerate(bodies)
    ]


def test_a_body_that_is_too_large_is_refused_unread_or_as_soon_as_it_is(app: Callable[..., ASGIApp]) -> None:
    made, where = app(max_body_bytes=1024, body_timeout_s=120.0), "/v1/memories"
    for headers, body in (
        ({"content-length": "1025"}, []),  # nothing of it comes, and nothing is waited for
        ({"content-length": "9" * 30}, []),
        ({}, pieces(b"x" * 1000, b"x" * 25, more=True)),
    ):
        status, _, told = answered(made, where, headers, body, "POST")
        assert (status, "1024 bytes" in told) == (413, True)
    assert answered(made, where, {"content-length": "-1"}, [], "POST")[0] == 400
    fits = b'{"text": "I like tea."}'.ljust(1024)
    assert answered(made, where, {"content-type": "application/json"}, pieces(fits), "POST")[0] == 201


def test_a_body_that_takes_too_long_is_refused_and_its_connection_closed(app: Callable[..., ASGIApp]) -> None:
    made = app(body_timeout_s=0.01)
    status, headers, told = answered(made, "/v1/memories", {}, pieces(b'{"te', more=True), "POST")
    assert (status, headers["connection"]) == (408, "close") and "0.01 s" in told


def test_nothing_of_a_body_is_read_before_its_sender_is_known(app: Callable[..., ASGIApp]) -> None:
    made = app(tokens=True)
    assert answered(made, "/v1/memories", {"content-length": "10"}, [], "POST")[0] == 401


def test_more_connections_than_are_allowed_are_told_to_come_again(tmp_path: Path) -> None:
    settings = ServeSettings(max_connections=8)
    with serving(tmp_path, settings=settings, embedder=HashedEmbedder()) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        with ExitStack() as open_ones:
            for _ in range(8):
                open_ones.enter_context(socket.create_connection((host, int(port)), timeout=120))
            assert httpx.get(f"{server.url}/healthz", timeout=120).status_code == 503
        deadline = time.monotonic() + 120
        while httpx.get(f"{server.url}/healthz", timeout=120).status_code != 200:
            assert time.monotonic() < deadline, "places of connections that were closed are never free again"


def test_told_to_stop_it_stops_and_turns_being_answered_are_interrupted(tmp_path: Path) -> None:
    base = write_tiny_llama(tmp_path / "base.gguf", shape=TinyShape(context=4096), seed=3)
    spec, home = tmp_path / "spec.yaml", tmp_path / "home"
    spec.write_text(f"model: {{source: {base}, threads: 1}}\n")
    command = [sys.executable, "-m", "dormouse.tui.cli", "serve", "--port", "0", "--spec", str(spec)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [*command, "--home", str(home)], env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        said = (line for line in server.stderr if "http://" in line)
        url = "http://" + next(said).split("http://", 1)[1].split("/v1")[0]
        server.stderr.close()  # what it logs from now on is nobody's
        begun = threading.Semaphore(0)

        def ask(number: int) -> None:
            body = {
                "messages": [{"role": "user", "content": f"I am number {number}."}],
                "max_tokens": 3900,
                "temperature": 1,
                "stream": True,
            }
            try:
                with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=600) as answer:
                    for _ in answer.iter_lines():
                        begun.release()
            except httpx.HTTPError:
                pass

        asking = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
        for thread in asking:
            thread.start()
        assert begun.acquire(timeout=120)
        server.send_signal(signal.SIGTERM)
        server.wait(120)
        for thread in asking:
            thread.join(120)
    with Journal(home / "journal.db", read_only=True) as journal:
        turns = [turn for session in journal.sessions() for turn in journal.turns(session.id)]
    answers = [turn.state for turn in turns if turn.role == "assistant"]
    assert set(answers) <= {"complete", "interrupted"} and answers
    assert answers.count("complete") < len(asking), "it waited for all that was asked"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, ReadableSpan]]:
    """What was exported by the standard variables, by name, once the server has stopped."""
    kept = InMemorySpanExporter()
    monkeypatch.setattr(trace_exporter, "OTLPSpanExporter", lambda: kept)
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid")
    return lambda: {span.name: span for span in kept.get_finished_spans()}


def ask_traced(home: Path) -> None:
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    body = {"messages": [{"role": "user", "content": "My code word is Zanzibar."}]}
    with serving(home, embedder=HashedEmbedder()) as server:
        url = f"{server.url}/v1/chat/completions"
        assert httpx.post(url, json=body, headers=trace, timeout=120).status_code == 200


def test_a_turn_is_traced_as_part_of_its_callers_trace_and_without_its_words(
    tmp_path: Path, spans: Callable[[], dict[str, ReadableSpan]]
) -> None:
    ask_traced(tmp_path)
    found = spans()
    request = found["POST /v1/chat/completions"]
    assert request.parent is not None and request.parent.span_id == 0xB7AD6B7169203331
    assert request.context is not None and request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    for name in ("queue", "generate"):
        parent, context = found[name].parent, found[name].context
        assert parent is not None and context is not None
        assert parent.span_id == request.context.span_id
        assert context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    generated = found["generate"].attributes
    assert generated is not None and generated["gen_ai.usage.output_tokens"] == 7
    assert "Zanzibar" not in "".join(span.to_json() for span in found.values())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ],
)
def test_where_the_standard_variables_say_so_nothing_is_traced(
    tmp_path: Path,
    spans: Callable[[], dict[str, ReadableSpan]],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    monkeypatch.setenv(variable, value)
    ask_traced(tmp_path)
    assert spans() == {}
