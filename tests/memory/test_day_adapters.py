"""Adapters that naps made: served on top of what HEAD names, and never by HEAD itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapter_builds import Add, build_folder, exam_of, served, unsaved

from dormouse.memory.adapters import Registry
from dormouse.memory.errors import AdapterError, NoExamOnRecord


def add_day(registry: Registry, folder: Path, content: str, parent: str | None, passed: bool = True) -> str:
    build = build_folder(folder / content, content)
    id = registry.add(build, unsaved(kind="day", parent=parent)).id
    registry.record_exam(id, exam_of(id, passed))
    return id


def test_a_day_adapter_is_served_on_top_of_its_parent_only(
    registry: Registry, add: Add, tmp_path: Path
) -> None:
    first = add_day(registry, tmp_path, "over the base", None)
    assert registry.day(first).id == first
    night = add("night")
    registry.publish(night)
    with pytest.raises(AdapterError, match="trained on top of another adapter than is served now"):
        registry.day(first)
    second = add_day(registry, tmp_path, "over the night", night)
    assert registry.day(second).parent == night
    with pytest.raises(AdapterError, match="it is a night's"):
        registry.day(night)


def test_a_day_adapter_never_becomes_head(registry: Registry, add: Add, tmp_path: Path) -> None:
    night = add("night")
    registry.publish(night)
    day = add_day(registry, tmp_path, "day", night)
    for move in (registry.publish, registry.rollback):
        with pytest.raises(AdapterError, match="it is a nap's"):
            move(day)
    assert served(registry) == night
    assert registry.candidates() == []
    assert [each.id for each in registry.days()] == [day]


def test_a_day_adapter_needs_its_exam_and_all_of_its_files(
    registry: Registry, add: Add, tmp_path: Path
) -> None:
    failed = add_day(registry, tmp_path, "failed", None, passed=False)
    with pytest.raises(NoExamOnRecord):
        registry.day(failed)
    torn = add_day(registry, tmp_path, "torn", None)
    (registry.root / torn / "adapter.gguf").write_bytes(b"GGUF")
    with pytest.raises(AdapterError, match="is not the file that was written"):
        registry.day(torn)


def test_discarding_spares_what_head_names(registry: Registry, add: Add, tmp_path: Path) -> None:
    night, other = add("night"), add("other")
    registry.publish(night)
    day = add_day(registry, tmp_path, "day", night)
    registry.discard([night, other, day])
    assert [each.id for each in registry.adapters()] == [night]
    assert served(registry) == night
