"""Fixtures of the terminal's tests: a folder with a tiny base, and the command line run in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import Cli, Ran
from tiny_models import write_tiny_llama

from dormouse.tui.cli import run


@pytest.fixture(scope="session")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("base") / "tiny.gguf")


@pytest.fixture
def folder(tmp_path: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a spec that names the tiny base, and a home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DORMOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "dormouse.yaml").write_text(
        f"name: tiny\nmodel: {gguf}\nmemory: {{context: {{max_answer_tokens: 4}}}}\n"
    )
    return tmp_path


@pytest.fixture
def cli(folder: Path, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in this process."""

    def ran(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        sys.stdout.flush()
        return Ran(code, *capfd.readouterr())

    return ran
