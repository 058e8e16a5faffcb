"""The chat on the whole terminal, as far as it goes without one; and what the other commands do not load."""

from __future__ import annotations

import subprocess
import sys

from command_line import Cli, environment


def test_without_a_terminal_it_says_what_works_anywhere(cli: Cli) -> None:
    ran = cli("chat")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "dormouse: The chat draws on a terminal, and this is none; `dormouse chat --plain` works anywhere.\n"
    )


def test_no_other_command_loads_textual() -> None:
    code = (
        "import sys, dormouse.tui.cli, dormouse.tui.talk, dormouse.runtime.agent;"
        "print('textual' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert run.stdout.strip() == "False"
