"""Every door of one daemon used at once, over a tiny random model: each answer reaches who asked for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from served import serving
from tiny_models import write_tiny_llama

from dormouse.runtime.bench import crowd_doors
from dormouse.runtime.bench.commands import dormouse_commands
from dormouse.runtime.bench.crowd import Client, crowded
from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.scopes import OWNER
from dormouse.runtime.server.settings import ServeSettings
from dormouse.runtime.server.tokens import Tokens
from dormouse.runtime.spec import Spec

QUESTIONS = ("What is the capital of Norway?", "Name three colours.")


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    """Short answers that hang on the question alone."""
    return Spec.model_validate(
        {
            "model": {"source": str(write_tiny_llama(tmp_path / "base.gguf", seed=3)), "threads": 1},
            "memory": {"recall": {"enabled": False}, "context": {"max_answer_tokens": 6}},
        }
    )


@pytest.fixture
def home(tmp_path: Path, spec: Spec, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that a daemon owns."""
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    daemon = Daemon(spec, tmp_path / "home")
    running = threading.Thread(target=daemon.run)
    running.start()
    yield daemon.home
    daemon.stop()
    running.join()


def test_a_server_the_command_line_and_two_chats_at_once_are_each_answered_what_they_asked(
    home: Path, spec: Spec, tmp_path: Path
) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(json.dumps(spec.model_dump(mode="json")))
    secrets = {user: Tokens(home).add(user)[0] for user in (OWNER, "anna")}
    settings = ServeSettings(requests_per_minute=1_000_000)
    with serving(home, settings=settings, spec=spec, demands_tokens=True, beside_a_daemon=True) as server:
        clients = [
            Client("chat one", partial(crowd_doors._chat, home)),
            Client("chat two", partial(crowd_doors._chat, home)),
            Client(
                "command line", partial(crowd_doors._command_line, home, dormouse_commands(file)), starts=True
            ),
            *(
                Client(f"http {user}", partial(crowd_doors._http, server.url, secret), through="the server")
                for user, secret in secrets.items()
            ),
        ]
        found = crowded(clients, QUESTIONS, 1.0, seed=1)
    assert (found.faults, found.stuck) == ({}, ())
    assert {each.client for each in found.asked} == {client.name for client in clients}
    assert [each for each in found.asked if not each.right] == []
