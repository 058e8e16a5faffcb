"""Fixtures of the memory room's tests."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import BASE, Add, build_folder, exam_of, unsaved

from dormouse.memory.adapters import Registry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "adapters"


@pytest.fixture
def registry(root: Path) -> Registry:
    return Registry(root, BASE)


@pytest.fixture
def add(registry: Registry, tmp_path: Path) -> Add:
    """Adds an adapter that holds `content`, with a passed exam unless told otherwise; gives its id."""

    def added(content: str, exam: bool | None = True, **manifest: Any) -> str:
        build = tmp_path / "build"
        id = registry.add(build_folder(build, content), unsaved(**manifest)).id
        shutil.rmtree(build)
        if exam is not None:
            registry.record_exam(id, exam_of(id, exam))
        return id

    return added
