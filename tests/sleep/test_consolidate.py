"""Consolidation as a process: it reports, it can be killed and run again, it never outlives its caller."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dormouse.sleep.consolidate import consolidate, finished
from dormouse.sleep.errors import NightStopped, TrainingFailed
from dormouse.sleep.packing import Example
from dormouse.sleep.right_of_way import RightOfWay
from dormouse.sleep.worker import Job, write_job

Examples = Callable[..., list[Example]]
PATIENCE_S = 120.0


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """The processes that were started."""
    started: list[subprocess.Popen[str]] = []

    class Noted(subprocess.Popen[str]):
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **given)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return started


def test_killed_it_fails_and_run_again_it_ends_as_if_it_never_was(
    job: Job, examples: Examples, children: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    write_job(tmp_path / "killed", job, examples())

    def kill(record: dict[str, Any]) -> None:
        if record.get("step") == 2:
            children[-1].send_signal(signal.SIGKILL)

    with pytest.raises(TrainingFailed, match="Training ended without an adapter"):
        consolidate(tmp_path / "killed", kill)
    assert finished(tmp_path / "killed") is None

    seen: list[dict[str, Any]] = []
    again = consolidate(tmp_path / "killed", seen.append)
    assert [record.get("step") for record in seen] == [*range(1, again["steps"] + 1), None]
    assert again["done"] is True
    assert finished(tmp_path / "killed") == again

    # Never killed, and in this process: the same bytes.
    import torch

    from dormouse.sleep import worker

    before = torch.get_num_threads()
    write_job(tmp_path / "whole", job, examples())
    list(worker.train(tmp_path / "whole", job, examples()))
    torch.set_num_threads(before)
    adapters = [tmp_path / name / "peft" / "adapter_model.safetensors" for name in ("killed", "whole")]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in adapters}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_turns_halt_it_at_once_and_change_nothing(
    job: Job, examples: Examples, children: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    way, steps, halted = RightOfWay(), list[int](), list[str]()

    def disturb(record: dict[str, Any]) -> None:
        if "step" not in record or len(halted) >= 10:
            return
        steps.append(record["step"])
        with way.turn():
            halted.append(_halted(children[-1].pid))
            time.sleep(0.02)
        while way.held or _state(children[-1].pid) == "T":
            time.sleep(0.001)

    write_job(tmp_path / "disturbed", job, examples(count=120))
    write_job(tmp_path / "whole", job, examples(count=120))
    last = consolidate(tmp_path / "disturbed", disturb, way)
    whole = consolidate(tmp_path / "whole")
    assert halted == ["T"] * 10
    assert way.pauses == 10
    assert steps == sorted(set(steps))  # none was done twice
    assert (last["loss"], last["tokens"]) == (whole["loss"], whole["tokens"])
    adapters = [tmp_path / name / "peft" / "adapter_model.safetensors" for name in ("disturbed", "whole")]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in adapters}) == 1


def _state(pid: int) -> str:
    """As in ps: T is halted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"


def _halted(pid: int) -> str:
    """Its state once it is T: the kernel takes a signal some time after it was sent."""
    deadline = time.monotonic() + PATIENCE_S
    while (state := _state(pid)) != "T" and time.monotonic() < deadline:
        time.sleep(0.001)
    return state


def test_a_night_that_is_stopped_ends_its_child_even_while_it_is_halted(
    job: Job, examples: Examples, children: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    way = RightOfWay()
    write_job(tmp_path, replace(job, epochs=3000.0), examples())

    def stop(record: dict[str, Any]) -> None:
        way.hold("a turn")
        way.stop()

    with pytest.raises(NightStopped):
        consolidate(tmp_path, stop, way)
    assert children[0].poll() is not None


def test_killed_after_a_checkpoint_it_goes_on_from_there(
    job: Job, examples: Examples, children: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    often = replace(job, checkpoint_s=0.0)
    for name in ("killed", "whole"):
        write_job(tmp_path / name, often, examples())
    done: list[int] = []

    def kill(record: dict[str, Any]) -> None:
        done.append(record.get("step", 0))
        if len(done) == 4:
            children[-1].send_signal(signal.SIGKILL)

    with pytest.raises(TrainingFailed):
        consolidate(tmp_path / "killed", kill)
    last = consolidate(tmp_path / "killed", lambda record: done.append(record.get("step", 0)))
    again = [step for step in done if done.count(step) > 1]
    assert again == []  # what had been reported had been kept
    whole = consolidate(tmp_path / "whole")
    assert (last["loss"], last["tokens"]) == (whole["loss"], whole["tokens"])
    adapters = [tmp_path / name / "peft" / "adapter_model.safetensors" for name in ("killed", "whole")]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in adapters}) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only its kernel counts what a process may write to")
def test_more_memory_than_allowed_is_a_sentence(job: Job, examples: Examples, tmp_path: Path) -> None:
    write_job(tmp_path, replace(job, memory_limit_bytes=64 << 20), examples())
    with pytest.raises(TrainingFailed, match=r"0\.1 GiB sleep\.budget\.memory_share allows"):
        consolidate(tmp_path)


def test_what_is_finished_is_not_trained_again(children: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "done.json").write_text(json.dumps({"done": True, "steps": 7}))
    assert consolidate(tmp_path) == {"done": True, "steps": 7}
    assert children == []


def test_a_failure_is_told_in_the_childs_last_words(job: Job, examples: Examples, tmp_path: Path) -> None:
    write_job(tmp_path, replace(job, start_from=str(tmp_path / "nowhere")), examples())
    with pytest.raises(TrainingFailed, match="nowhere"):
        consolidate(tmp_path)


def test_a_caller_that_fails_takes_the_child_with_it(
    job: Job, examples: Examples, children: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    write_job(tmp_path, replace(job, epochs=3000.0), examples())

    def interrupt(record: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consolidate(tmp_path, interrupt)
    assert children[0].poll() is not None
    assert finished(tmp_path) is None


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_child_dies_with_its_parent(job: Job, examples: Examples, tmp_path: Path) -> None:
    write_job(tmp_path, replace(job, epochs=3000.0), examples())
    script = (
        "import json, sys; from pathlib import Path; from dormouse.sleep.consolidate import consolidate;"
        "consolidate(Path(sys.argv[1]), lambda record: print(json.dumps(record), flush=True))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with parent:
        assert parent.stdout is not None
        assert json.loads(parent.stdout.readline())["step"] == 1
        listed = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.kill()
    assert len(listed) == 1
    deadline = time.monotonic() + PATIENCE_S
    while _alive(int(listed[0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(int(listed[0]))


@pytest.mark.parametrize("steps", [0, 1])
def test_an_orphan_trains_no_further(
    steps: int,
    job: Job,
    examples: Examples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where the system does not kill it, it looks before the first step and after each."""
    from dormouse.sleep import worker

    parents = iter([42] * (1 + steps) if steps else [])
    monkeypatch.setattr(worker, "_die_with", lambda parent: None)  # this process is to live
    monkeypatch.setattr("os.getppid", lambda: next(parents, 1))
    write_job(tmp_path, job, examples())
    assert worker.main(tmp_path, parent=42) == 1
    assert capsys.readouterr().out.count('"step"') == steps
    assert finished(tmp_path) is None
