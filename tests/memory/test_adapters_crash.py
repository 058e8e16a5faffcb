"""HEAD and every adapter stay whole: after a kill at any instant, a power cut, and a disk that refuses."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import BASE, Add, build_folder, exam_of, served, unsaved

from dormouse.memory.adapters import Registry
from dormouse.memory.errors import DiskFull, HomeNotWritable

# Crashes

SWEEP = """
import json, os, shutil, signal, sys
from pathlib import Path
from dormouse.memory.adapters import Registry
from dormouse.memory.manifest import Manifest

work, base, action, argument = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
writing = {"add", "_take_in", "_settle", "publish", "rollback", "_move_head", "_catch_up_log", "_append_log"}

def act(registry):
    if action == "add":
        registry.add(Path(argument), Manifest.model_validate_json((work / "given.json").read_text()))
    else:
        getattr(registry, action)(argument or None)

def die_at(line):
    seen = 0
    def trace(frame, event, _):
        nonlocal seen
        code = frame.f_code
        if not code.co_filename.endswith("memory/durable.py") and code.co_name not in writing:
            return None
        seen += event == "line"
        if seen == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)

os.fsync = lambda descriptor: None  # a kill, unlike a power cut, loses nothing that was written
outcomes, line, killed = [], 0, True
while killed:
    line += 1
    root = work / "crash"
    shutil.copytree(work / "adapters", root)
    child = os.fork()
    if child == 0:
        die_at(line)
        act(Registry(root, base))
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    after = Registry(root, base)
    head = after.head()
    found = [after.verify(manifest.id).id for manifest in after.adapters()]
    whole = sorted(found) == sorted(path.name for path in root.iterdir() if len(path.name) == 16)
    warned = bool(after.warnings)
    act(after)  # the next night does it again
    again = after.head()
    outcomes.append({
        "head": head and head.id,
        "found": found,
        "whole": whole,
        "warned": warned,
        "again": again and again.id,
        "left": sorted(path.name for path in root.iterdir() if path.name.startswith(".incoming")),
        "log": [(entry.adapter, entry.previous) for entry in after.log()],
    })
    shutil.rmtree(root)
print(json.dumps(outcomes))
"""


def _sweep(root: Path, action: str, argument: str) -> list[dict[str, Any]]:
    """Kill -9 a child at the first line of what writes in the registry, at the second, and so on."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, str(root.parent), BASE, action, argument],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        check=True,
    )
    outcomes: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(outcomes) > 30
    assert all(outcome["whole"] and not outcome["warned"] and not outcome["left"] for outcome in outcomes)
    return outcomes


def test_a_kill_at_any_line_of_publish_leaves_the_old_head_or_the_new(registry: Registry, add: Add) -> None:
    first, second = add("one"), add("two")
    registry.publish(first)
    outcomes = _sweep(registry.root, "publish", second)
    heads = [outcome["head"] for outcome in outcomes]
    moved = heads.index(second)
    assert 0 < moved < len(heads) - 1  # some kills before HEAD moved, and some after
    assert heads == [first] * moved + [second] * (len(heads) - moved)
    assert {outcome["again"] for outcome in outcomes} == {second}
    assert all(outcome["log"] == [[first, None], [second, first]] for outcome in outcomes)


def test_a_kill_at_any_line_of_rollback_leaves_the_old_head_or_the_new(registry: Registry, add: Add) -> None:
    first, second = add("one"), add("two")
    registry.publish(first)
    registry.publish(second)
    heads = [outcome["head"] for outcome in _sweep(registry.root, "rollback", first)]
    moved = heads.index(first)
    assert 0 < moved < len(heads) - 1
    assert heads == [second] * moved + [first] * (len(heads) - moved)


def test_a_kill_at_any_line_of_add_leaves_a_whole_adapter_or_none(
    registry: Registry, add: Add, tmp_path: Path
) -> None:
    first = add("one")
    registry.publish(first)
    (tmp_path / "given.json").write_text(unsaved(day=1).model_dump_json())
    outcomes = _sweep(registry.root, "add", str(build_folder(tmp_path / "new build", "two")))
    counts = [len(outcome["found"]) for outcome in outcomes]
    assert counts == sorted(counts) and set(counts) == {1, 2}
    assert {outcome["head"] for outcome in outcomes} == {first}


def test_everything_is_synced_before_the_name_that_makes_it_count(
    registry: Registry, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut would leave: nothing is renamed into place before its bytes are on the disk."""
    add("one")
    events: list[str] = []
    real_fsync, real_replace, real_rename = os.fsync, os.replace, os.rename

    def name(path: object) -> str:
        parts = Path(str(path)).relative_to(registry.root).parts
        return "." if not parts else "/".join("new" if part.startswith(".") else part for part in parts)

    def fsync(descriptor: int) -> None:
        events.append(f"sync {name(Path(f'/proc/self/fd/{descriptor}').readlink())}")
        real_fsync(descriptor)

    def moved(real: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        def move(source: object, target: object) -> None:
            events.append(f"move {name(source)} {name(target)}")
            real(source, target)

        return move

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", moved(real_replace))
    monkeypatch.setattr(os, "rename", moved(real_rename))
    id = add("two")
    before_rename = events[: events.index(f"move new {id}")]
    files = ("adapter.gguf", "peft/adapter_config.json", "peft/adapter_model.safetensors")
    for synced in (*(f"sync new/{file}" for file in files), "sync new/new", "sync new/peft", "sync new"):
        assert synced in before_rename
    assert events[len(before_rename) + 1] == "sync ."

    events.clear()
    registry.publish(id)
    assert events == ["sync new", "move new HEAD", "sync .", "sync log.jsonl", "sync ."]


# A disk that refuses


@pytest.mark.parametrize("call", ["fsync", "replace", "mkdir", "rename"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, DiskFull), (errno.EROFS, HomeNotWritable), (errno.EACCES, HomeNotWritable)],
)
def test_a_disk_that_refuses_is_a_sentence_and_the_old_head_serves(
    registry: Registry,
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    call: str,
    code: int,
    kind: type[Exception],
) -> None:
    first, second = add("one"), add("two")
    registry.publish(first)
    build = build_folder(tmp_path / "new build", "three")

    def refuse(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, call, refuse)
        with pytest.raises(kind) as refused:
            registry.add(build, unsaved())
        assert str(refused.value).startswith(f"The home folder {registry.root} cannot be used: ")
        if call in ("fsync", "replace"):
            with pytest.raises(kind):
                registry.publish(second)
            with pytest.raises(kind):
                registry.record_exam(first, exam_of(first, passed=False))
    assert served(registry) == first
    assert len(registry.adapters()) == 2
    assert not list(registry.root.rglob(".*"))
    registry.publish(second)
    assert served(registry) == second


FILL_UP = """
import json, resource, sys
from pathlib import Path
from dormouse.memory.adapters import Registry
from dormouse.memory.errors import DiskFull
from dormouse.memory.manifest import Manifest
root, base, build = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
given = Manifest.model_validate_json((root.parent / "given.json").read_text())
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
registry = Registry(root, base)
try:
    registry.add(build, given)
except DiskFull as error:
    print(error)
print(registry.head().id)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
print(registry.add(build, given).id)
"""


def test_a_file_that_may_not_grow_is_a_sentence_and_the_old_head_serves(
    registry: Registry, add: Add, tmp_path: Path
) -> None:
    first = add("one")
    registry.publish(first)
    (tmp_path / "given.json").write_text(unsaved(day=1).model_dump_json())
    build = build_folder(tmp_path / "large build", "two" * 500)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", FILL_UP, str(registry.root), BASE, str(build)],
        stdout=subprocess.PIPE,
        text=True,
        env=env,
        check=True,
    )
    sentence, head, added = done.stdout.splitlines()
    assert "a file may not grow any further, nothing already kept was lost" in sentence
    assert head == first and registry.verify(added).id == added
    assert not list(registry.root.glob(".*"))
