"""The registry's log of a canary: begun, kept or rolled back; read again by another process."""

from __future__ import annotations

from pathlib import Path

import pytest
from adapter_builds import BASE, build_folder, exam_of, unsaved

from dormouse.memory.adapters import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "adapters", BASE)


def published(registry: Registry, name: str) -> str:
    id = registry.add(build_folder(registry.root.parent / name, name), unsaved()).id
    registry.record_exam(id, exam_of(id))
    registry.publish(id)
    return id


def steps(registry: Registry) -> list[tuple[str, str | None, str | None]]:
    return [(e.action, e.adapter, e.previous) for e in Registry(registry.root, BASE).log()]


def test_nothing_is_watched_unless_it_was_begun(registry: Registry) -> None:
    assert registry.watched() is None
    registry.watch("a" * 16)
    published(registry, "one")
    assert registry.watched() is None
    registry.promote("for nothing")
    assert len(registry.log()) == 1


def test_a_watched_version_is_kept(registry: Registry) -> None:
    one = published(registry, "one")
    registry.watch(one)
    registry.watch(one)
    watched = Registry(registry.root, BASE).watched()
    assert watched is not None
    assert (watched.adapter, watched.previous) == (one, None)
    registry.promote("0 of 12 were bad")
    assert registry.watched() is None
    assert steps(registry) == [("publish", one, None), ("canary", one, None), ("promote", one, None)]
    assert registry.log()[-1].note == "0 of 12 were bad"
    head = registry.head()
    assert head is not None and head.id == one
    assert registry.candidates() == []


def test_a_watched_version_is_rolled_back_with_the_reason(registry: Registry) -> None:
    one, two = published(registry, "one"), published(registry, "two")
    registry.watch(two)
    back = registry.rollback(one, "strange: 4 of 4")
    assert back is not None and back.id == one
    assert registry.watched() is None
    assert registry.log()[-1].note == "strange: 4 of 4"
    assert steps(registry)[-1] == ("rollback", one, two)


def test_a_night_before_the_end_is_compared_with_the_last_version_that_was_kept(registry: Registry) -> None:
    one = published(registry, "one")
    registry.watch(one)
    registry.promote()
    two = published(registry, "two")
    registry.watch(two)
    three = published(registry, "three")
    registry.watch(three)
    watched = registry.watched()
    assert watched is not None
    assert (watched.adapter, watched.previous) == (three, one)
    assert [step[1:] for step in steps(registry) if step[0] == "canary"] == [
        (one, None),
        (two, one),
        (three, one),
    ]


def test_a_rollback_by_hand_ends_it(registry: Registry) -> None:
    one = published(registry, "one")
    registry.watch(one)
    registry.rollback("base")
    assert registry.watched() is None
