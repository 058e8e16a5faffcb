"""The plain prompt, driven through a pipe and as if it were a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.errors import EngineError
from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.tui.plain_chat import PlainChat


class Keyboard(io.StringIO):
    """Lines typed at a terminal."""

    def isatty(self) -> bool:
        return True


def chat(folder: Path, text: str, engine: ScriptedEngine | None = None, *, typed: bool = False) -> int:
    stdin = sys.stdin
    sys.stdin = Keyboard(text) if typed else io.StringIO(text)
    try:
        with Agent(home=folder / "home", engine=engine or ScriptedEngine(), base=BASE) as agent:
            return PlainChat(agent).run()
    finally:
        sys.stdin = stdin


def said(folder: Path) -> list[list[str]]:
    """The contents of the turns of each session."""
    with Journal(folder / "home" / "journal.db", read_only=True) as journal:
        return [[t.content for t in journal.turns(session.id)] for session in journal.sessions()]


def test_each_line_is_a_turn_and_new_begins_a_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat(tmp_path, "one\n\n  two  \n/new\nthree") == 0
    assert capsys.readouterr().out == "You said: one\nYou said: two\nYou said: three\n"
    assert said(tmp_path) == [["one", "You said: one", "two", "You said: two"], ["three", "You said: three"]]


def test_quit_ends_it_and_a_slash_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chat(tmp_path, "//etc\n/nonsense\n/quit\nnever\n") == 0
    out, err = capsys.readouterr()
    assert out == "You said: /etc\n"
    assert err == "dormouse: There is no command '/nonsense'; /help lists those there are.\n"
    assert said(tmp_path) == [["/etc", "You said: /etc"]]


def test_a_refused_turn_is_a_sentence_and_the_next_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat(tmp_path, "x" * 1_000_000 + "\nhello\n") == 2
    out, err = capsys.readouterr()
    assert out == "You said: hello\n"
    assert err == (
        "dormouse: The turn cannot be taken: it has 1000000 characters, and a turn is at most 32000.\n"
    )
    assert said(tmp_path) == [["hello", "You said: hello"]]


def test_an_engine_that_fails_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(words: int) -> None:
        raise EngineError("on fire")

    assert chat(tmp_path, "hello\n", ScriptedEngine(before_token=fail)) == 1
    assert capsys.readouterr().err == "dormouse: The wake engine failed: on fire.\n"


def test_ctrl_c_stops_the_answer_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = sys.stdout

    class Impatient(io.StringIO):
        """A person who presses Ctrl-C at the second word of the first answer."""

        pressed = False

        def write(self, text: str) -> int:
            if text == " said:" and not self.pressed:
                Impatient.pressed = True
                raise KeyboardInterrupt
            return super().write(text)

    sys.stdout = Impatient()
    try:
        assert chat(tmp_path, "one\ntwo\n") == 0
        out = sys.stdout.getvalue()
    finally:
        sys.stdout = printed
    assert out == "You\nYou said: two\n"
    assert "kept as interrupted" in capsys.readouterr().err


def test_help_and_memories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert chat(tmp_path, "/help\n/memories\n") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("/new", "/memories", "/sleep", "/quit"))
    assert "Nothing yet" in out


def test_a_terminal_gets_a_prompt_and_no_failure_for_a_refused_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chat(tmp_path, "a\x01b\n", typed=True) == 0
    out, err = capsys.readouterr()
    assert out.startswith("This is dormouse;")
    assert "you> " in out
    assert "control character" in err
