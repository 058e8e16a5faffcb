"""The checkup says what is there, and turns what is not into sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import write_tiny_llama

from dormouse.memory import doctor
from dormouse.memory.doctor import Checkup, inspect
from dormouse.memory.parity import ParityReport, record
from dormouse.memory.settings import ModelSettings, StoreSettings


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny.gguf")


def test_a_healthy_machine_has_no_problems(tiny: Path, tmp_path: Path) -> None:
    found = inspect(ModelSettings(source=str(tiny)), tmp_path / "home", tmp_path / "cache")
    assert found.problems == ()
    assert found.base is not None
    assert (found.base.architecture, found.base.served_as, found.base.can_sleep) == ("llama", "F16", True)
    assert found.base.served_bytes == tiny.stat().st_size
    assert found.parity is None
    assert found.threads == found.physical_cores >= 1
    assert "0.3.36" in found.engine
    assert found.engine_devices[0] == "CPU"
    assert found.training_device.startswith(("CPU", "CUDA"))
    assert not found.home.exists
    assert found.home.free_bytes > 0
    assert not (tmp_path / "home").exists()
    assert json.loads(json.dumps(found.to_json()))["backends"]["wake engine"] == "llama.cpp, in process"


def test_a_missing_base_is_a_problem_not_an_error(tmp_path: Path) -> None:
    found = inspect(ModelSettings(source="nowhere.gguf"), tmp_path, tmp_path)
    assert found.base is None
    assert found.problems == ("The base weights nowhere.gguf cannot be used: there is no such file.",)


def test_the_parts_of_the_index_are_named(tiny: Path, tmp_path: Path) -> None:
    def looked(**store: Any) -> Checkup:
        settings = StoreSettings(**store)
        return inspect(ModelSettings(source=str(tiny)), tmp_path, tmp_path / "cache", store=settings)

    found = looked().backends
    assert found["full text"] == "SQLite FTS5 (there)"
    assert found["vectors"].startswith("scanned; from 2000 on Chroma (1.")
    assert found["embedder"].startswith("minilm (/")
    assert looked(vectors="scan").backends["vectors"] == "scanned"
    assert "not downloaded" in looked(embedder="hf://tiny/model/tiny.gguf").backends["embedder"]
    gone = looked(embedder="nowhere")
    assert gone.backends["embedder"] == "none"
    assert gone.problems == ("The embedder nowhere cannot be used: there is no such file or folder.",)


def test_looking_downloads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    found = inspect(ModelSettings(source="hf://tiny/model/tiny.gguf"), tmp_path, tmp_path)
    (problem,) = found.problems
    assert "they are not downloaded yet" in problem
    assert found.backends["hub"] == "http://127.0.0.1:9"


def test_a_recorded_disagreement_is_told(tiny: Path, tmp_path: Path) -> None:
    from dormouse.memory.base_weights import resolve
    from dormouse.memory.parity import versions

    base = resolve(str(tiny), tmp_path / "cache")
    report = ParityReport(0.3, 0.3, 2e-3, False, "tensor blk.0.attn_q.weight", 48, versions())
    record(base.folder(tmp_path / "cache") / "parity.json", report)
    found = inspect(ModelSettings(source=str(tiny)), tmp_path, tmp_path / "cache")
    assert found.parity == report
    assert "first in tensor blk.0.attn_q.weight: it cannot sleep" in found.problems[0]


def test_shortages_are_told(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    class Memory:
        total, available = 1000, 500

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    monkeypatch.setattr(doctor, "_place", lambda path: doctor.Place(str(path), True, False, 10))
    found = inspect(ModelSettings(source=str(tiny)), tmp_path, tmp_path / "cache")
    told = "\n".join(found.problems)
    for wanted in ("home folder", "cache folder", "GiB of memory", "A night takes", "GiB of disk"):
        assert wanted in told
