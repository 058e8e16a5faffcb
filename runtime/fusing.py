"""The fused copy of what is served: written after a night, compared with the mounted adapter, swapped in.

Promise: the copy lies in its adapter's own folder, so that it goes with it, whoever deletes it and why; only
the served adapter has one. It serves only once it was compared, in the engine, with the adapter mounted as
the exam asked it: over the exam's own questions and answers on record, the logits differ by at most
`MOST_RELATIVE_ERROR`, and the likeliest token is another one at no more than `MOST_OTHER_TOKENS` of the
places. Within these bounds the exam on record is that of what serves; what exceeds them is deleted, and the
mounted adapter goes on serving. The work gives way to turns.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from ..graphs.night_engine import NightEngine
from ..memory.adapters import Registry
from ..memory.durable import storage_faults, sweep, write_atomic
from ..memory.engine import Message, Mount, WakeEngine
from ..memory.errors import BaseWeightsError, DormouseError
from ..memory.fuse import fusable
from ..memory.fusing_engine import Fused, FusingEngine
from ..memory.gguf_file import read_header
from ..memory.settings import Fuse
from ..sleep.right_of_way import RightOfWay

MOST_RELATIVE_ERROR = 0.02  # of the logits; rounding to F16 gives 0.002, llama.cpp's way with Q8_0 0.01
MOST_OTHER_TOKENS = 0.03
MOST_BYTES = 4 << 30
FREE_TIMES = 3
COPY, RECORD = "fused.gguf", "fused.json"
_FORMAT = 1
_QUESTIONS = 12

BetweenTurns = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Comparison:
    """The copy beside the mounted adapter: distances of the logits, share of places with another likeliest
    token, and over how many tokens of how many exam answers.
    """

    relative_error: float
    other_tokens: float
    tokens: int
    answers: int

    @property
    def passed(self) -> bool:
        return (
            self.tokens > 0
            and self.relative_error <= MOST_RELATIVE_ERROR
            and self.other_tokens <= MOST_OTHER_TOKENS
        )


def serves_copies(engine: WakeEngine) -> TypeGuard[FusingEngine]:
    """Whether an engine can be given a copy."""
    return isinstance(engine, FusingEngine)


def copy_of(mount: Mount, served: Path) -> Fused | None:
    """The copy of this adapter that may serve for the base in the file `served`; None without one."""
    folder = mount.path.parent
    record = _record(folder)
    if record is None or record.get("passed") is not True or record.get("served") != _key(served):
        return None
    copy = folder / COPY
    same = copy.exists() and record.get("copy") == _key(copy)
    return Fused(mount, copy) if same else None


def serve(engine: WakeEngine, mounts: Sequence[Mount], fuse: Fuse) -> str | None:
    """Mount these, the first from its fused copy where it has one and the engine can serve it: every way to
    an engine goes through here. Returns why its copy could not be opened, if it could not; the adapter is
    then mounted. Raises AdapterError.
    """
    if not serves_copies(engine):
        engine.mount(mounts)
        return None
    fused = copy_of(mounts[0], engine.gguf) if mounts and fuse == "auto" else None
    try:
        engine.serve(mounts, fused)
    except BaseWeightsError as error:
        engine.serve(mounts, None)
        return str(error)
    return None


def sweep_copies(registry: Registry, keep: str | None) -> None:
    """Deletes the copies of all adapters but `keep`."""
    with suppress(OSError), storage_faults(registry.root):
        for folder in registry.root.iterdir():
            if folder.name != keep and folder.is_dir():
                for name in (COPY, RECORD):
                    (folder / name).unlink(missing_ok=True)


def fuse_head(
    engine: WakeEngine,
    registry: Registry,
    persona: str,
    way: RightOfWay,
    between_turns: BetweenTurns,
) -> Comparison | None:
    """Makes the copy of what is served, and has the engine serve it; None where nothing was to be done.

    Raises NightStopped when `way` is; what was begun is then gone, and can be begun again.
    """
    head = registry.head()
    if head is None or not serves_copies(engine):
        return None
    mount = registry.mount(head.id)
    folder, known = mount.path.parent, _record(mount.path.parent)
    tried = known is not None and known.get("served") == _key(engine.gguf) and not known.get("passed")
    if engine.mounted[:1] != (mount,) or engine.fused is not None or tried or not _room(engine.gguf, folder):
        return None
    sweep_copies(registry, head.id)
    if copy_of(mount, engine.gguf) is None:
        compared = _made(engine, registry, mount, persona, way, between_turns)
        if compared is None or not compared.passed:
            return compared
    else:
        compared = None
    with between_turns():
        if registry.head() == head and engine.mounted[:1] == (mount,):
            engine.serve(engine.mounted, copy_of(mount, engine.gguf))
    return compared


def _made(
    engine: FusingEngine,
    registry: Registry,
    mount: Mount,
    persona: str,
    way: RightOfWay,
    between_turns: BetweenTurns,
) -> Comparison | None:
    """Writes the copy in a process of its own, compares it, and leaves a record of that beside it."""
    copy = mount.path.parent / COPY
    sweep(copy.parent)
    if not _written(engine.gguf, mount, copy, way):
        copy.unlink(missing_ok=True)
        return None
    exam = registry.exam(mount.name) or {}
    with engine.open_copy(Fused(mount, copy)) as alone:
        beside = NightEngine(alone, way, between_turns)
        mounted = NightEngine(engine, way, between_turns)
        compared = compare(mounted, (mount,), beside, persona, exam.get("items", ()))
    record = {
        "format": _FORMAT,
        "adapter": mount.name,
        "passed": compared.passed,
        "served": _key(engine.gguf),
        "copy": _key(copy),
        "bounds": {"relative_error": MOST_RELATIVE_ERROR, "other_tokens": MOST_OTHER_TOKENS},
        **asdict(compared),
    }
    if not compared.passed:
        copy.unlink()
    with storage_faults(copy.parent):
        write_atomic(copy.parent / RECORD, (json.dumps(record, indent=2) + "\n").encode())
    return compared


def compare(
    mounted: WakeEngine,
    stack: Sequence[Mount],
    copy: WakeEngine,
    persona: str,
    items: Sequence[dict[str, Any]],
) -> Comparison:
    """Both engines' logits over exam questions with their answers on record, spread over the whole exam."""
    step = max(1, len(items) // _QUESTIONS)
    apart = length = 0.0
    other = tokens = asked = 0
    for item in items[::step]:
        prompt = mounted.render_tokens([Message("system", persona), Message("user", str(item["question"]))])
        ids = [*prompt, *mounted.tokenize(str(item["answer"]), special=False)]
        ids = ids[: mounted.context_tokens]
        wanted, got = mounted.logits(ids, adapters=stack), copy.logits(ids, adapters=())
        apart += float(np.square(got - wanted, dtype=np.float64).sum())
        length += float(np.square(wanted, dtype=np.float64).sum())
        answered = slice(len(prompt) - 1, None)
        other += int((wanted[answered].argmax(axis=1) != got[answered].argmax(axis=1)).sum())
        tokens += len(ids) - len(prompt) + 1
        asked += 1
    error = float(np.sqrt(apart / length)) if length else 1.0
    return Comparison(error if np.isfinite(error) else 1.0, other / max(1, tokens), tokens, asked)


def _written(served: Path, mount: Mount, copy: Path, way: RightOfWay) -> bool:
    """Runs the child to its end; whether it ended well."""
    way.wait()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    module = f"{__name__.split('.runtime.')[0]}.memory.fuse"
    arguments = [str(served), str(mount.path), str(mount.scale), str(copy)]
    with (
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child,
        _ended(child),
        way.pausing(_Child(child)),
    ):
        child.wait()
    way.must_go_on()
    return child.returncode == 0


@contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """The child is niced, and gone when the block ends."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, child.pid, 19)
    try:
        yield
    finally:
        child.kill()


class _Child:
    """The child, as something that can be paused."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def pause(self) -> None:
        self._child.send_signal(signal.SIGSTOP)

    def resume(self, held_s: float) -> None:
        self._child.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._child.kill()


def _room(served: Path, folder: Path) -> bool:
    """Whether the served weights can be fused, and are small enough for a copy."""
    size = served.stat().st_size
    try:
        return (
            fusable(read_header(served))
            and size <= MOST_BYTES
            and shutil.disk_usage(folder).free >= FREE_TIMES * size
        )
    except DormouseError:
        return False


def _key(file: Path) -> list[int]:
    """What tells one content of a file from another."""
    try:
        found = file.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _record(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("format") == _FORMAT else None
