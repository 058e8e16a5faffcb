"""The doors of `bench crowd`: two chats over the socket, the command line, the library, and a server's users.

Promise: all of them are served by one daemon over one home, with one engine; the server is `dormouse serve`
over that home, in a process of its own, and its users' turns are the daemon's. Knows how each door is opened;
nothing of what is measured.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from ..agent import Agent
from ..daemon.service import Service
from ..doors.attached import AttachedAgent
from ..errors import BenchFailed
from ..scopes import OWNER
from ..server.tokens import Tokens
from ..spec import Spec
from .commands import Commands, dormouse_commands
from .crowd import Ask, Client, crowded, figures, rows
from .kept_daemon import PATIENCE_S, KeptDaemon
from .report import BenchReport, Say, gathered, surroundings

QUESTIONS = (
    "What is the capital of Norway?",
    "How do bees make honey?",
    "Name three colours.",
    "What is a good soup for a cold day?",
    "Why is the sky blue?",
    "Say good morning in French.",
)
_USERS = ("anna", "ben", "cleo")
_SERVER = "the server"
_ANSWER_TOKENS = 16
_MANY = 1_000_000


def bench_crowd(spec: Spec, minutes: float, seed: int, say: Say) -> BenchReport:
    """Eight clients for so long. Raises BenchFailed when a door does not open."""
    where, started = surroundings(spec), time.monotonic()
    small = _plain(spec)
    with TemporaryDirectory(prefix="dormouse-bench-") as folder:
        home, file = Path(folder, "home"), Path(folder, "plain.yaml")
        file.write_text(json.dumps(small.model_dump(mode="json")), encoding="utf-8")
        secrets = {user: Tokens(home).add(user)[0] for user in (OWNER, *_USERS)}
        with KeptDaemon(Service(home, file).command, home), _served(file, home) as url:
            clients = _clients(home, dormouse_commands(file), url, secrets)
            say(f"{len(clients)} clients, each alone first")
            found = crowded(clients, QUESTIONS, 60 * minutes, seed)
    for name, words in found.faults.items():
        say(f"{name}: {words}")
    got, targets = figures(found, clients)
    seconds = time.monotonic() - started
    return gathered("crowd", where, small, [seed], seconds, got, targets, rows(found))


def _plain(spec: Spec) -> Spec:
    """Short answers that hang on the question alone, and no limit on how often a user may ask."""
    memory = spec.memory.model_copy(
        update={
            "recall": spec.memory.recall.model_copy(update={"enabled": False}),
            "context": spec.memory.context.model_copy(update={"max_answer_tokens": _ANSWER_TOKENS}),
        }
    )
    serve = spec.serve.model_copy(update={"port": 0, "requests_per_minute": _MANY})
    return spec.model_copy(update={"memory": memory, "serve": serve})


def _clients(home: Path, commands: Commands, url: str, secrets: dict[str, str]) -> list[Client]:
    served = [
        Client(f"http {user}", partial(_http, url, secret), through=_SERVER)
        for user, secret in secrets.items()
    ]
    return [
        Client("chat one", partial(_chat, home)),
        Client("chat two", partial(_chat, home)),
        Client("library", partial(_library, home)),
        Client("command line", partial(_command_line, home, commands), starts=True),
        *served,
    ]


@contextmanager
def _chat(home: Path) -> Iterator[Ask]:
    """Each question in a new session, so that the answer hangs on nothing else."""
    with AttachedAgent(home=home, returns_s=PATIENCE_S) as agent:
        yield lambda question: agent.chat(question, agent.new_session()).text


@contextmanager
def _library(home: Path) -> Iterator[Ask]:
    with Agent(home=home) as agent:
        if not isinstance(agent, AttachedAgent):
            raise BenchFailed("crowd", "the library did not find the daemon")
        yield lambda question: agent.ask(question).answer


@contextmanager
def _command_line(home: Path, commands: Commands) -> Iterator[Ask]:
    def ask(question: str) -> str:
        ran = commands.ran("ask", question, "--json", home=home)
        if ran.code:
            raise BenchFailed("crowd", f"`dormouse ask` ended with {ran.code}: {ran.error}")
        return str(ran.document["answer"])

    yield ask


@contextmanager
def _http(url: str, secret: str) -> Iterator[Ask]:
    with httpx.Client(headers={"Authorization": f"Bearer {secret}"}, timeout=PATIENCE_S) as client:

        def ask(question: str) -> str:
            body = {"messages": [{"role": "user", "content": question}], "max_tokens": _ANSWER_TOKENS}
            answered = client.post(f"{url}/v1/chat/completions", json=body)
            answered.raise_for_status()
            return str(answered.json()["choices"][0]["message"]["content"])

        yield ask


@contextmanager
def _served(spec_file: Path, home: Path) -> Iterator[str]:
    """`dormouse serve` over the home; its address."""
    path = os.pathsep.join(folder for folder in sys.path if folder)
    program = dormouse_commands(spec_file)
    server = subprocess.Popen(
        [*program.program, "serve", "--home", str(home), *program.options],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://\S+?:\d+", line):
                yield found[0]
                return
        raise BenchFailed("crowd", f"the server did not start (it ended with {server.wait()})")
    finally:
        server.terminate()
        server.communicate()
