"""The chat in a real terminal: tmux draws it and presses its keys; and how long a person waits there."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import environment
from pty_terminal import PtyTerminal

_PATIENCE_S = 120.0
_FIRST_PAINT_S, _ECHO_S = 1.0, 0.05  # what is promised on an idle machine
_BUSY = 4.0  # how much longer it may take where tests run beside other work
_MARGIN = 15.0  # and where that is slow: how many times what is measured beside it
_KEYS = "qzxjkvwy" * 5
_LOADS = "import textual.app, textual.widgets; print('loaded')"


class Tmux:
    """A tmux server of its own, with one pane."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._socket = str(folder / "tmux")
        python = f"{sys.executable} -m dormouse.tui.cli chat; echo code $?; sleep 600"
        shape = ["-x", str(size[0]), "-y", str(size[1])]
        self("-f", "/dev/null", "new-session", "-d", *shape, "-c", str(folder), python)

    def __call__(self, *arguments: str) -> str:
        command = ["tmux", "-S", self._socket, *arguments]
        run = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True)
        return run.stdout

    def seen(self) -> str:
        return self("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self("send-keys", *keys)

    def until(self, holds: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + _PATIENCE_S
        while not holds(seen := self.seen()):
            assert time.monotonic() < deadline, seen
            time.sleep(0.1)
        return seen


@pytest.fixture(params=[(80, 24), (200, 60)], ids=["small", "large"])
def tmux(request: pytest.FixtureRequest, folder: Path) -> Iterator[Tmux]:
    if not shutil.which("tmux"):
        pytest.skip("tmux is not installed")
    made = Tmux(folder, request.param)
    yield made
    made("kill-server")


def test_it_is_used_by_keys_in_a_real_terminal(tmux: Tmux) -> None:
    tmux.until(lambda seen: "A new session" in seen)
    tmux.until(lambda seen: "embedded" in seen)
    tmux.press("-l", "hello there")
    tmux.until(lambda seen: "hello there" in seen)
    tmux.press("Enter")
    seen = tmux.until(lambda seen: "bare base · " in seen)
    assert "tokens" in seen and "hello there" in seen
    tmux.press("F3")
    tmux.until(lambda seen: "Nothing was learnt yet" in seen)
    tmux.press("F4")
    tmux.until(lambda seen: "Awake, with 1 turn to sleep on." in seen)
    tmux.press("F2")
    tmux.until(lambda seen: "hello there" in seen)
    tmux.press("C-q")
    seen = tmux.until(lambda seen: "code 0" in seen)
    assert "Traceback" not in seen and "F2 Chat" not in seen, "the terminal is the user's again"


def test_a_spec_with_a_fault_ends_it_with_a_sentence(folder: Path) -> None:
    (folder / "dormouse.yaml").write_text("nonsense: 1\n")
    with PtyTerminal("-m", "dormouse.tui.cli", "chat", size=(80, 24), environment=environment()) as terminal:
        assert terminal.ended() == 2
        assert "nonsense" in terminal.seen and "Traceback" not in terminal.seen


@pytest.mark.slow
def test_the_first_picture_and_each_key_are_soon_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First paint, and a key's echo while the embedded model writes; figures are printed with -s.

    Each is held against what this machine takes now: to start Python and load Textual, and to echo a key
    while no model writes.
    """
    with PtyTerminal("-c", _LOADS, size=(200, 60), environment=environment()) as terminal:
        loaded = terminal.until(lambda seen: "loaded" in seen)
        terminal.ended()
    arguments = ("-m", "dormouse.tui.cli", "chat", "--home", str(tmp_path / "home"))
    with PtyTerminal(*arguments, size=(200, 60), environment=environment()) as terminal:
        painted = terminal.until(lambda seen: "Say something" in seen)
        terminal.until(lambda seen: "embedded" in seen)
        idle = statistics.median(_echo(terminal, key) for key in _KEYS[:16])
        terminal.press("\x15Hello.\r")
        terminal.until(lambda seen: "bare base · " in seen)
        echoes: list[float] = []
        for key in _KEYS:
            if not echoes or len(echoes) % 20 == 0:
                terminal.press("\x1b")
                time.sleep(1)
                terminal.press("\x15Tell me a long story about a dormouse and all of its friends.\r")
                time.sleep(1.5)
            echoes.append(_echo(terminal, key))
    median, late = statistics.median(echoes), sorted(echoes)[int(0.95 * len(echoes))]
    with capsys.disabled():
        print(
            f"\nfirst paint {painted:.2f} s, Textual alone {loaded:.2f} s; "
            f"echo median {1e3 * median:.0f} ms, p95 {1e3 * late:.0f} ms, idle {1e3 * idle:.0f} ms"
        )
    assert painted <= max(_BUSY * _FIRST_PAINT_S, _MARGIN * loaded)
    assert median <= max(_BUSY * _ECHO_S, _MARGIN * idle)


def _echo(terminal: PtyTerminal, key: str) -> float:
    """Seconds until it is seen."""
    time.sleep(0.03)
    terminal.forget()
    terminal.press(key)
    return terminal.until(lambda seen: key in seen)
