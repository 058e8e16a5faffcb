"""A plain streaming prompt: for terminals without colours, for pipes, and for people who like it plain.

Promise: every line is a turn or a command that is answered; an error is one sentence and the next line is
read. Ctrl-C stops the answer, or, at the prompt, the chat.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..memory.errors import DormouseError
from .output import note, notes
from .progress import night_bars

if TYPE_CHECKING:
    from ..graphs.events import Asked
    from ..runtime.agent import Agent

_HELP = """\
/new        begin a new session, with an empty context
/memories   what it has learnt so far
/sleep      put it to sleep now, and wake it up
/help       this
/quit       leave (as does Ctrl-D)
A line that begins with // is said with a single /."""


class PlainChat:
    """The loop over one agent; a refused turn is counted as a failure only when nobody is typing."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._typed = sys.stdin.isatty()
        self._worst = 0
        self._warned: set[str] = set()
        self._unread: list[str] = []
        self._commands: dict[str, Callable[[], None]] = {
            "/new": self._new,
            "/memories": self._memories,
            "/sleep": self._sleep,
            "/help": lambda: print(_HELP),
        }

    def run(self) -> int:
        """Read lines until /quit or the end of input."""
        if self._typed:
            import readline  # noqa: F401  (gives the prompt its line editing)

            print(f"This is {self._agent.spec.name}; /help lists what can be done here.")
        elif hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")
        while (line := self._read()) is not None:
            try:
                if not self._handle(line.strip()):
                    break
            except DormouseError as error:
                note(str(error))
                self._worst = max(self._worst, error.exit_code)
            self._warn()
        return 0 if self._typed else self._worst

    def _read(self) -> str | None:
        if self._unread:
            return self._unread.pop()
        try:
            return input("you> " if self._typed else "")
        except EOFError:
            if self._typed:
                print()
            return None

    def _handle(self, line: str) -> bool:
        """Whether to read on."""
        if line == "/quit":
            return False
        if line in self._commands:
            self._commands[line]()
        elif line.startswith("/") and not line.startswith("//"):
            note(f"There is no command {line.split()[0][:40]!r}; /help lists those there are.")
        elif line:
            self._say(line.removeprefix("/") if line.startswith("//") else line)
        return True

    def _say(self, text: str) -> None:
        with self._agent.stream(text, approve=self._ask) as pieces:
            try:
                for piece in pieces:
                    print(piece, end="", flush=True)
                print(flush=True)
            except KeyboardInterrupt:
                print(flush=True)
                note("Stopped; the turn is kept as interrupted.")

    def _ask(self, question: Asked) -> bool:
        """Ask whether a call may be made; called while the turn waits, from its own thread."""
        arguments = json.dumps(dict(question.arguments), ensure_ascii=False)
        try:
            given = input(f"\n{question.name} {arguments}\nMay it be called? [y/N] ")
        except EOFError:
            return False
        if not self._typed:
            print(flush=True)
            if given.strip().lower() not in ("", "y", "yes", "n", "no"):
                self._unread.append(given)  # it was meant as the next turn, and is not to be lost
        return given.strip().lower() in ("y", "yes")

    def _new(self) -> None:
        self._agent.new_session()
        if self._typed:
            print("A new session.")

    def _memories(self) -> None:
        memories = self._agent.memories("consolidated") + self._agent.memories("admitted")
        for memory in memories:
            print(f"{memory.id}  {memory.statement}  ({memory.state})")
        if not memories:
            print("Nothing yet; it learns while it sleeps.")

    def _sleep(self) -> None:
        with night_bars() as progress:
            report = self._agent.sleep(progress)
        learnt = f", {len(report.memories)} memories" if report.status == "published" else ""
        print(f"The night is over: {report.status}{learnt}.")

    def _warn(self) -> None:
        notes(sentence for sentence in self._agent.warnings if sentence not in self._warned)
        self._warned.update(self._agent.warnings)
