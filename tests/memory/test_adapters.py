"""The registry of adapters: what is kept, what may be served, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from adapter_builds import OTHER_BASE, Add, build_folder, exam_of, served, unsaved

from dormouse.memory import adapters as adapters_module
from dormouse.memory.adapters import Registry
from dormouse.memory.durable import sha256_of
from dormouse.memory.errors import (
    AdapterError,
    BadInput,
    DamagedAdapter,
    ForeignAdapter,
    NoExamOnRecord,
    UnknownAdapter,
)
from dormouse.memory.manifest import MANIFEST_FORMAT, REQUIRED_FILES, TaughtName

# Adding


def test_what_it_was_taught_to_name_is_mounted_with_it_and_read_once(
    registry: Registry, tmp_path: Path
) -> None:
    taught = (TaughtName(name="dog's name", also=("hound's name",), means=("dog's name",)),)
    naming = registry.add(build_folder(tmp_path / "one", "one"), unsaved(names=taught))
    names = registry.mount(naming.id).names
    assert names is not None
    assert names.taught == taught
    assert registry.mount(naming.id).names is names
    silent = registry.add(build_folder(tmp_path / "two", "two"), unsaved())
    assert registry.mount(silent.id).names is None


def test_an_adapter_is_named_by_its_content_and_kept_whole(registry: Registry, tmp_path: Path) -> None:
    build = build_folder(tmp_path / "build", "one")
    given = unsaved(memories=("m1",), opens="Your", declines=("is not known",), asks="My {}?")
    kept = registry.add(build, given)
    assert len(kept.id) == 16 and set(kept.files) == set(REQUIRED_FILES)
    assert kept == given.model_copy(update={"id": kept.id, "files": kept.files})
    assert registry.get(kept.id) == registry.verify(kept.id[:4]) == kept
    mount = registry.mount(kept.id)
    assert mount.name == kept.id and mount.scale == 1.0
    assert (mount.opens, mount.declines, mount.asks) == ("Your", ("is not known",), "My {}?")
    assert mount.path.read_bytes() == (build / "adapter.gguf").read_bytes()
    assert registry.head() is None and registry.candidates() == [kept]

    assert registry.add(build, unsaved(day=3)) == kept  # the same files again are the same adapter
    (build / "peft" / "adapter_config.json").write_text("{ }")
    assert registry.add(build, given).id != kept.id


def test_a_build_that_lacks_something_or_is_for_another_base_is_refused(
    registry: Registry, tmp_path: Path
) -> None:
    build = build_folder(tmp_path / "build", "one")
    with pytest.raises(
        ForeignAdapter, match="made for the base cccccccccccc, and the base in use is bbbbbbbbbbbb"
    ):
        registry.add(build, unsaved(base_sha256=OTHER_BASE))
    (build / "adapter.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(DamagedAdapter, match=r"adapter\.gguf is not a GGUF file"):
        registry.add(build, unsaved())
    shutil.rmtree(build / "peft")
    with pytest.raises(
        DamagedAdapter, match=r"peft/adapter_config\.json, peft/adapter_model\.safetensors is missing"
    ):
        registry.add(build, unsaved())
    assert not registry.root.exists()


def test_adding_replaces_a_damaged_copy_of_the_same_adapter(registry: Registry, add: Add) -> None:
    id = add("one")
    (registry.root / id / "adapter.gguf").write_bytes(b"GGUF?")
    assert add("one") == id
    registry.publish(id)
    assert served(registry) == id
    assert sorted(path.name for path in registry.root.iterdir()) == sorted([id, "HEAD", "log.jsonl"])


def test_what_a_crash_left_half_added_is_swept_away(registry: Registry, add: Add) -> None:
    (registry.root / ".incoming-dead" / "peft").mkdir(parents=True)
    id = add("one")
    assert [path.name for path in registry.root.iterdir()] == [id]


# Finding


def test_an_adapter_is_found_by_a_prefix_that_only_it_has(registry: Registry, add: Add) -> None:
    ids = [add(f"content {n}") for n in range(17)]  # of 17, two begin with the same digit
    digit = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
    with pytest.raises(UnknownAdapter, match="ids begin like that"):
        registry.get(digit)
    for nothing in ("", "z", "../" + ids[0], ids[0] + "0", ".", "*"):
        with pytest.raises(UnknownAdapter, match="has no adapter by that id") as refused:
            registry.get(nothing)
        assert refused.value.exit_code == 2
    assert registry.get(ids[3][:10]).id == ids[3]


def test_an_empty_registry_answers_and_makes_nothing(registry: Registry) -> None:
    assert registry.head() is None
    assert not registry.log() and not registry.candidates()
    with pytest.raises(UnknownAdapter):
        registry.publish("ab12")
    with pytest.raises(BadInput, match="nothing to roll back"):
        registry.rollback()
    assert not registry.root.exists() and registry.warnings == []


# Publishing


def test_head_moves_only_on_a_passed_exam_of_that_adapter(registry: Registry, add: Add) -> None:
    first = add("one")
    assert registry.publish(first).id == first
    second = add("two", exam=None)
    with pytest.raises(NoExamOnRecord, match="no exam is on record"):
        registry.publish(second)
    for wrong in (
        exam_of(second, passed=False),
        exam_of(first),
        {"adapter": second, "items": []},
        {"adapter": second, "passed": "yes"},
        {"adapter": second, "passed": 1},
        {},
    ):
        registry.record_exam(second, wrong)
        with pytest.raises(NoExamOnRecord, match="nothing is published without a passing exam"):
            registry.publish(second)
        assert served(registry) == first
    (registry.root / second / "exam.json").write_text("[]")
    with pytest.raises(DamagedAdapter, match="not a JSON object"):
        registry.publish(second)
    registry.record_exam(second, exam_of(second))
    assert registry.exam(second) == exam_of(second)
    registry.publish(second)
    assert served(registry) == second
    assert [(entry.action, entry.adapter, entry.previous) for entry in registry.log()] == [
        ("publish", first, None),
        ("publish", second, first),
    ]
    assert registry.candidates() == []


def test_publishing_again_changes_nothing(registry: Registry, add: Add) -> None:
    id = add("one")
    registry.publish(id)
    before = registry.log()
    registry.publish(id)
    assert registry.log() == before and len(before) == 1
    assert datetime.now(UTC) - before[0].at < timedelta(minutes=1)


def test_rolling_back_walks_down_what_was_published(registry: Registry, add: Add) -> None:
    ids = [add(content, day=day) for day, content in enumerate(("one", "two", "three", "four"))]
    for id in ids[:3]:
        registry.publish(id)
    back = registry.rollback()
    assert back is not None and back.id == ids[1] == served(registry)
    registry.publish(ids[3])  # on top of the second: the third is no longer under it
    back = registry.rollback()
    assert back is not None and back.id == ids[1]
    assert [manifest.id for manifest in (registry.rollback(),) if manifest] == [ids[0]]
    assert registry.rollback() is None
    assert served(registry) is None
    with pytest.raises(BadInput, match="nothing to roll back"):
        registry.rollback()
    back = registry.rollback(to=ids[2][:8])
    assert back is not None and back.id == ids[2] == served(registry)
    assert registry.rollback(to="base") is None and served(registry) is None
    assert registry.log()[-1].action == "rollback" and registry.log()[-1].previous == ids[2]


def test_rolling_back_to_what_may_not_serve_is_refused(registry: Registry, add: Add) -> None:
    good, failed = add("one"), add("two", exam=False)
    registry.publish(good)
    with pytest.raises(NoExamOnRecord):
        registry.rollback(to=failed)
    with pytest.raises(UnknownAdapter):
        registry.rollback(to="zz")
    assert served(registry) == good


# What is damaged or foreign is not served


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _claim(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit flipped": (
        lambda f: _flip(f / "adapter.gguf"),
        "its adapter.gguf is not the file that was written",
    ),
    "cut short": (lambda f: os.truncate(f / "adapter.gguf", 10), "its adapter.gguf is not the file that"),
    "no gguf": (lambda f: (f / "adapter.gguf").unlink(), "its adapter.gguf is missing"),
    "a folder for a file": (lambda f: _make_folder(f / "adapter.gguf"), "its adapter.gguf cannot be read"),
    "no peft": (lambda f: shutil.rmtree(f / "peft"), "its adapter_config.json is missing"),
    "peft flipped": (
        lambda f: _flip(f / "peft" / "adapter_model.safetensors"),
        "is not the file that was written",
    ),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "its manifest.json is missing"),
    "manifest torn": (lambda f: os.truncate(f / "manifest.json", 100), "its manifest.json is not JSON"),
    "manifest binary": (
        lambda f: (f / "manifest.json").write_bytes(b"\xff\x00"),
        "its manifest.json is not JSON",
    ),
    "manifest a list": (
        lambda f: (f / "manifest.json").write_text("[]"),
        "its manifest.json is wrong in its form",
    ),
    "manifest of another": (lambda f: _claim(f / "manifest.json", id="0" * 16), "is that of another adapter"),
    "files unlisted": (lambda f: _claim(f / "manifest.json", files={}), "is that of another adapter"),
    "field missing": (lambda f: _claim(f / "manifest.json", rank=0), "its manifest.json is wrong in rank"),
    "newer format": (
        lambda f: _claim(f / "manifest.json", format=MANIFEST_FORMAT + 1),
        f"has format {MANIFEST_FORMAT + 1}, and this Dormouse reads up to {MANIFEST_FORMAT}",
    ),
    "exam torn": (lambda f: os.truncate(f / "exam.json", 5), "its exam.json is not JSON"),
    "exam gone": (lambda f: (f / "exam.json").unlink(), "no exam is on record"),
    "exam failed": (lambda f: _claim(f / "exam.json", passed=False), "its exam was not passed"),
    "foreign": (
        lambda f: _claim(f / "manifest.json", base_sha256=OTHER_BASE),
        "it was made for the base ccc",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_head_is_refused_and_the_previous_one_serves(
    registry: Registry, add: Add, damage: str
) -> None:
    inflict, sentence = DAMAGE[damage]
    first, second = add("one"), add("two")
    add("three")  # examined but never published: not "the previous one"
    registry.publish(first)
    registry.publish(second)
    inflict(registry.root / second)
    for _ in range(2):  # once in the process that knew it whole, once more: the warning is not repeated
        head = registry.head()
        assert head is not None and head.id == first == served(registry)
    assert len(registry.warnings) == 1
    assert (
        registry.warnings[0].startswith(f"Adapter {second} is refused: ") and sentence in registry.warnings[0]
    )
    with pytest.raises(AdapterError):
        registry.publish(second)
    back = registry.rollback()
    assert back is not None and back.id == first


def test_when_nothing_whole_is_left_the_bare_base_serves(registry: Registry, add: Add) -> None:
    for content in ("one", "two"):
        id = add(content)
        registry.publish(id)
        (registry.root / id / "adapter.gguf").unlink()
    assert registry.head() is None
    assert len(registry.warnings) == 2


def test_an_adapter_copied_from_another_home_is_refused(registry: Registry, add: Add, tmp_path: Path) -> None:
    elsewhere = Registry(tmp_path / "elsewhere", OTHER_BASE)
    foreign = elsewhere.add(build_folder(tmp_path / "their build", "theirs"), unsaved(base_sha256=OTHER_BASE))
    elsewhere.record_exam(foreign.id, exam_of(foreign.id))
    add("one")
    shutil.copytree(elsewhere.root / foreign.id, registry.root / foreign.id)
    for refuse in (registry.publish, registry.mount, registry.verify):
        with pytest.raises(ForeignAdapter):
            refuse(foreign.id)
    assert registry.get(foreign.id) == foreign  # it can still be looked at
    (registry.root / foreign.id).rename(registry.root / ("a" * 16))
    with pytest.raises(DamagedAdapter, match="is that of another adapter"):
        registry.get("a" * 16)


@pytest.mark.parametrize("said", [None, "", "garbage", "ab12", "\x00" * 17, "f" * 16])
def test_a_lost_or_garbled_head_falls_back_to_the_last_published(
    registry: Registry, add: Add, said: str | None
) -> None:
    first, second = add("one"), add("two")
    registry.publish(first)
    registry.publish(second)
    head = registry.root / "HEAD"
    if said is None:
        head.unlink()
    else:
        head.write_text(said)
    now = registry.head()
    assert now is not None and now.id == second
    assert len(registry.warnings) == 1
    registry.publish(second)
    assert head.read_text() == second + "\n"


def test_a_log_with_a_torn_line_still_tells_the_rest(registry: Registry, add: Add) -> None:
    ids = [add(content) for content in ("one", "two", "three")]
    registry.publish(ids[0])
    registry.publish(ids[1])
    with (registry.root / "log.jsonl").open("a") as file:
        file.write('{"at": "2026')  # no line end: the next line must not be swallowed by it
    registry.publish(ids[2])
    assert [entry.adapter for entry in registry.log()] == ids


# Cheap


def test_head_hashes_each_file_once_until_it_changes(
    registry: Registry, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = add("one")
    hashed: list[str] = []

    def counted(path: Path) -> str:
        hashed.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(adapters_module, "sha256_of", counted)
    registry.publish(id)
    for _ in range(5):
        registry.head()
        registry.mount(id)
    assert len(hashed) == 3
    os.utime(registry.root / id / "adapter.gguf", ns=(1, 1))
    registry.head()
    assert len(hashed) == 6


# Differences


def test_diff_tells_memories_and_answers_apart(registry: Registry, add: Add) -> None:
    a = add("one", memories=("m1", "m2"), exam=None)
    b = add("two", memories=("m2", "m3"), exam=None)
    assert registry.diff(a, b)["exam_changed"] == []
    registry.record_exam(a, exam_of(a, q1="Oslo", q2="Zorbal", q3="yes"))
    registry.record_exam(b, exam_of(b, q1="Reykjavik", q2="Zorbal", q4="new"))
    assert registry.diff(a[:8], b) == {
        "memories_added": [{"id": "m3", "statement": "About m3."}],
        "memories_removed": [{"id": "m1", "statement": "About m1."}],
        "exam_changed": [
            {
                "id": "q1",
                "question": "q1?",
                "before": {"answer": "Oslo", "passed": True},
                "after": {"answer": "Reykjavik", "passed": True},
            }
        ],
    }
    assert not any(registry.diff(a, a).values())


def test_diff_compares_answers_to_the_same_question_whatever_its_place_in_the_exam(
    registry: Registry, add: Add
) -> None:
    def examined(content: str, *items: tuple[str, str, str]) -> str:
        id = add(content, exam=None)
        asked = [
            {"id": f"{kind}-{place}", "kind": kind, "question": question, "answer": answer, "passed": True}
            for place, (kind, question, answer) in enumerate(items)
        ]
        registry.record_exam(id, {"adapter": id, "passed": True, "items": asked})
        return id

    a = examined("one", ("new", "My dog?", "Rex"), ("new", "My cat?", "Tom"), ("skill", "Call me.", "Hi."))
    b = examined("two", ("new", "My car?", "Red"), ("new", "My dog?", "Zorbal"), ("tool", "Call me.", "call"))
    assert registry.diff(a, b)["exam_changed"] == [
        {
            "id": "new-0",
            "question": "My dog?",
            "before": {"answer": "Rex", "passed": True},
            "after": {"answer": "Zorbal", "passed": True},
        }
    ]


# Threads


def test_threads_may_publish_and_read_at_once(registry: Registry, add: Add) -> None:
    ids = [add(content) for content in ("one", "two", "three", "four")]
    registry.publish(ids[0])
    failures: list[BaseException] = []

    def work(id: str) -> None:
        try:
            for _ in range(10):
                registry.publish(id)
                head = registry.head()
                assert head is not None and head.id in ids
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(id,)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and registry.warnings == []
    moves = registry.log()
    assert all(later.previous == earlier.adapter for earlier, later in pairwise(moves))
