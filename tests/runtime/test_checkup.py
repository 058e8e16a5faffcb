"""The checkup for a spec names the sandbox that its code would run in."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_models import write_tiny_llama

from dormouse.runtime import checkup
from dormouse.runtime.checkup import check_up
from dormouse.runtime.spec import Spec
from dormouse.verifiers.errors import NoSandbox
from dormouse.verifiers.sandbox.abc import Sandbox
from dormouse.verifiers.sandbox.namespaces import Namespaces
from dormouse.verifiers.settings import SandboxSettings


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    return str(write_tiny_llama(tmp_path / "tiny.gguf"))


def test_the_sandbox_is_named(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "open_sandbox", Namespaces)
    found = check_up(Spec.model_validate({"model": model}), tmp_path)
    assert (found.backends["sandbox"], found.problems) == ("namespaces", ())


def test_a_sandbox_that_the_spec_waives_is_said(model: str, tmp_path: Path) -> None:
    found = check_up(Spec.model_validate({"model": model, "sandbox": "none"}), tmp_path)
    assert found.backends["sandbox"] == "none, as the spec says: code that a model wrote runs as you"
    assert found.problems == ()


def test_a_machine_without_a_sandbox_has_a_problem(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(settings: SandboxSettings) -> Sandbox:
        raise NoSandbox(["bubblewrap: bwrap is not installed"])

    monkeypatch.setattr(checkup, "open_sandbox", none)
    found = check_up(Spec.model_validate({"model": model}), tmp_path)
    assert found.backends["sandbox"] == "none that works"
    assert ["bwrap is not installed" in problem for problem in found.problems] == [True]
