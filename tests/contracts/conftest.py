"""What the contract suites of this folder share: a wake engine of each kind, its base and two adapters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.wake_engines import ENGINES, Open
from tiny_models import write_tiny_adapter, write_tiny_llama

from dormouse.memory.engine import Mount, WakeEngine


@pytest.fixture(scope="module", params=sorted(ENGINES))
def opened(request: pytest.FixtureRequest) -> Open:
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def gguf(folder: Path) -> Path:
    return write_tiny_llama(folder / "base.gguf", seed=3)


@pytest.fixture(scope="module")
def a(folder: Path) -> Mount:
    return Mount("a", write_tiny_adapter(folder / "a.gguf", seed=1))


@pytest.fixture(scope="module")
def b(folder: Path) -> Mount:
    return Mount("b", write_tiny_adapter(folder / "b.gguf", seed=2))


@pytest.fixture
def engine(opened: Open, gguf: Path) -> Iterator[WakeEngine]:
    with opened(gguf) as engine:
        yield engine
