"""The examples: their files load, and the programs run on the embedded model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dormouse.runtime.inputs import read_exam, read_told
from dormouse.runtime.spec import Spec

EXAMPLES = Path(__file__).parents[2] / "examples"
PRINTS = {
    "plain_script.py": "having looked at turns [",
    "langgraph_app.py": "ticket: city=",
    "fastapi_app.py": "ada's: ['My parrot Quibble speaks Danish.']",
    "chat_room_bot.py": "bot: ",
}


def test_every_spec_among_the_examples_loads() -> None:
    paths = list(EXAMPLES.glob("*.yaml"))
    assert paths
    for path in paths:
        assert Spec.load(path).persona == Spec().persona, (
            "the persona a newcomer copies is the one sleep knows"
        )


def test_every_file_of_lines_among_the_examples_is_sound() -> None:
    assert read_told(EXAMPLES / "day.jsonl", 32_000)
    assert read_exam(EXAMPLES / "questions.jsonl", 32_000)


def test_every_program_among_the_examples_is_tried() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTS)
def test_the_program_runs_and_ends(tmp_path: Path, name: str) -> None:
    run = subprocess.run(
        [sys.executable, EXAMPLES / name],
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "DORMOUSE_HOME": str(tmp_path / "home"),
        },
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert PRINTS[name] in run.stdout
