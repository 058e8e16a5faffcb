"""Whole nights over a tiny random model: its weights, a home, and training without a child."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import tiny_night
from tiny_models import write_tiny_llama
from tiny_night import FREE, Open

from dormouse.graphs.night import NightContext
from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.sleep import consolidate, worker
from dormouse.sleep.settings import ExamSettings


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that the training copy and the anchors are made once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def base(cache: Path) -> BaseWeights:
    return resolve(str(write_tiny_llama(cache / "base.gguf", seed=3)), cache)


@pytest.fixture
def night(tmp_path: Path, base: BaseWeights, cache: Path) -> Open:
    """Opens the parts of a night over one home, with the exam's thresholds at zero unless given."""

    def opened(exam: ExamSettings = FREE, home: str = "home") -> AbstractContextManager[NightContext]:
        return tiny_night.opened(tmp_path / home, base, cache, exam)

    return opened


@pytest.fixture
def train_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Trains in this process, which spares a child's imports; gives the folders that were trained."""
    import torch

    trained: list[Path] = []
    threads = torch.get_num_threads()

    def train(folder: Path, report: object = None, way: object = None) -> dict[str, Any]:
        if not (done := consolidate.finished(folder)):
            trained.append(folder)
            worker.main(folder)
            done = consolidate.finished(folder)
        assert done
        return done

    monkeypatch.setattr(consolidate, "consolidate", train)
    yield trained
    torch.set_num_threads(threads)
