"""Tier 2, the registry of adapters: content-addressed folders, and a HEAD that names the one being served.

HEAD moves in one step, and only to a whole adapter for this base with a passing exam on record; should that
cease to be so, the newest one under it that is gets served. Knows nothing of training, exams or engines.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from .durable import (
    append_line,
    copy_synced,
    discard_folder,
    sha256_of,
    storage_faults,
    sync_folder,
    write_atomic,
)
from .engine import Mount
from .errors import (
    AdapterError,
    BadInput,
    DamagedAdapter,
    ForeignAdapter,
    NoExamOnRecord,
    UnknownAdapter,
)
from .manifest import (
    EXAM_NAME,
    GGUF_NAME,
    ID_CHARS,
    MANIFEST_NAME,
    REQUIRED_FILES,
    Manifest,
    ManifestMemory,
    adapter_id,
    read_manifest,
)
from .naming import names_of

__all__ = ["LogEntry", "Manifest", "ManifestMemory", "Registry"]

BARE_BASE = "base"
"""What HEAD says, and what may be rolled back to, when no adapter is served."""

_HEX = frozenset("0123456789abcdef")
_GGUF_MAGIC = b"GGUF"
_INCOMING = ".incoming-"
Action = Literal["publish", "rollback", "canary", "promote"]
_Signature = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """HEAD moved from `previous` to `adapter` (None is the bare base); `note` says why, if nobody asked, and
    `once` is the idempotency key of who did.

    With `canary` the adapter began to be watched in place of `previous`, with `promote` it was kept: HEAD
    stands still.
    """

    at: datetime
    action: Action
    adapter: str | None
    previous: str | None
    note: str = ""
    once: str = ""


class Registry:
    """The adapters under `root` that may serve with the base whose GGUF has the SHA-256 `base_sha256` (hex).

    Nothing is created before the first `add`. Threads of the home's owner may share it. `warnings` collects
    a sentence for each adapter that should be serving and may not. Writing methods raise
    HomeNotWritable, DiskFull or HomeError when the disk refuses; nothing that was there before is lost.
    """

    def __init__(self, root: Path, base_sha256: str) -> None:
        self.root = root
        self.base_sha256 = base_sha256
        self.warnings: list[str] = []
        self._lock = threading.RLock()
        self._whole: dict[str, _Signature] = {}

    def add(self, build: Path, manifest: Manifest) -> Manifest:
        """Take in the files of the folder `build`, and return the manifest with its id and their hashes.

        The folder appears whole or not at all. The same files twice are one adapter, with the first manifest.
        Raises DamagedAdapter for a build without its required files, ForeignAdapter for one for another base.
        """
        names = _build_files(build)
        if manifest.base_sha256 != self.base_sha256:
            raise ForeignAdapter(build.name, manifest.base_sha256, self.base_sha256)
        with self._lock, storage_faults(self.root):
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for stale in self.root.glob(f"{_INCOMING}*"):
                discard_folder(stale)
            incoming = self.root / f"{_INCOMING}{secrets.token_hex(4)}"
            try:
                files = _take_in(build, names, incoming)
                complete = manifest.model_copy(update={"id": adapter_id(files), "files": files})
                write_atomic(incoming / MANIFEST_NAME, _json_bytes(complete.model_dump(mode="json")))
                return self._settle(incoming, complete)
            finally:
                discard_folder(incoming)

    def get(self, prefix: str) -> Manifest:
        """The adapter whose id is or begins with `prefix`. Raises UnknownAdapter, DamagedAdapter."""
        return read_manifest(self.root / self._resolve(prefix))

    def verify(self, id: str) -> Manifest:
        """The manifest, once every file is what it says and it is for this base.

        Files are hashed once per process, and again only when a size or time stamp of theirs has changed.
        Raises DamagedAdapter, ForeignAdapter, UnknownAdapter.
        """
        manifest = self.get(id)
        with self._lock:
            signature = _signature(self.root / manifest.id, manifest)
            if self._whole.get(manifest.id) != signature:
                _check_hashes(self.root / manifest.id, manifest)
                self._whole[manifest.id] = signature
        if manifest.base_sha256 != self.base_sha256:
            raise ForeignAdapter(manifest.id, manifest.base_sha256, self.base_sha256)
        return manifest

    def mount(self, id: str) -> Mount:
        """What the wake engine needs to serve or examine this adapter, once verified."""
        manifest = self.verify(id)
        return Mount(
            manifest.id,
            self.root / manifest.id / GGUF_NAME,
            opens=manifest.opens,
            declines=manifest.declines,
            asks=manifest.asks,
            names=names_of(manifest.names),
        )

    def record_exam(self, id: str, exam: Mapping[str, Any]) -> None:
        """Keep an adapter's exam, passed or not, in place of an earlier one. It must be JSON.

        `exam["adapter"]` is to be the id and `exam["passed"]` a bool, or nothing will be published on it.
        """
        name = self._resolve(id)
        with self._lock, storage_faults(self.root):
            write_atomic(self.root / name / EXAM_NAME, _json_bytes(exam))

    def exam(self, id: str) -> dict[str, Any] | None:
        """The exam on record, or None. Raises DamagedAdapter when there is one that cannot be read."""
        name = self._resolve(id)
        try:
            written = json.loads((self.root / name / EXAM_NAME).read_bytes())
        except FileNotFoundError:
            return None
        except OSError as cause:
            raise DamagedAdapter(name, f"its {EXAM_NAME} cannot be read ({cause.strerror})") from cause
        except ValueError as cause:
            raise DamagedAdapter(name, f"its {EXAM_NAME} is not JSON") from cause
        if not isinstance(written, dict):
            raise DamagedAdapter(name, f"its {EXAM_NAME} is not a JSON object")
        return written

    def publish(self, id: str) -> Manifest:
        """Move HEAD to this adapter. Doing it again changes nothing.

        Raises NoExamOnRecord without a passing exam of its own, and what `verify` raises; HEAD then stays.
        """
        with self._lock:
            manifest = self._servable(id)
            self._move_head(manifest.id, "publish")
            return manifest

    def watch(self, id: str) -> None:
        """Log that this adapter, which HEAD names, is watched from now on. Doing it again changes nothing.

        What it is compared with is the one before it, or, where that was still being watched, the one before
        that.
        """
        with self._lock, storage_faults(self.root):
            entries = self.log()
            if not entries or entries[-1].adapter != id or entries[-1].action == "canary":
                return
            previous = entries[-1].previous
            watched = [entry for entry in entries[:-1] if entry.adapter == previous]
            if watched and watched[-1].action == "canary":
                previous = watched[-1].previous
            self._append_log("canary", id, previous)

    def watched(self) -> LogEntry | None:
        """The entry by which the adapter served is being watched; None when none is."""
        entries = self.log()
        if entries and entries[-1].action == "canary" and entries[-1].adapter == self._read_head():
            return entries[-1]
        return None

    def promote(self, note: str = "") -> None:
        """Log that the adapter being watched is kept. Nothing is done when none is."""
        with self._lock, storage_faults(self.root):
            if watched := self.watched():
                self._append_log("promote", watched.adapter, watched.previous, note)

    def rollback(self, to: str | None = None, note: str = "", once: str = "") -> Manifest | None:
        """Move HEAD back: to the adapter `to` (an id, or "base"), else to the newest under HEAD fit to serve.

        Returns what is served now, None for the bare base. `once` is an idempotency key: where HEAD was moved
        under it already, it stays. Raises BadInput when nothing is published, and what `publish` raises when
        `to` may not serve; HEAD then stays.
        """
        with self._lock:
            if once and once in (self._moved_under(), *(entry.once for entry in self._log_entries())):
                return self.head()
            stack = self._stack()
            if not stack and to is None:
                raise BadInput("There is nothing to roll back, for no adapter is published.")
            if to is None:
                target = self._first_servable(stack[-2::-1] if len(stack) > 1 else [])
            else:
                target = None if to == BARE_BASE else self._servable(to)
            self._move_head(target.id if target else None, "rollback", note, once)
            return target

    def head(self) -> Manifest | None:
        """The adapter to serve, None for the bare base.

        When HEAD's may not serve (damaged, foreign, without a passing exam), it is the newest one under it
        that may, with the reason in `warnings`; HEAD itself is left as it is.
        """
        with self._lock:
            return self._first_servable(self._stack()[::-1])

    def day(self, id: str) -> Manifest:
        """The nap's adapter of that id, if it may be served on top of what HEAD serves.

        Raises AdapterError with the reason why it may not: damaged, without a passing exam, or trained on top
        of another adapter than the one served.
        """
        with self._lock:
            manifest = self.verify(id)
            head = self.head()
            if manifest.kind != "day":
                raise AdapterError(manifest.id, "it is a night's, and not a nap's")
            if manifest.parent != (head.id if head else None):
                raise AdapterError(manifest.id, "it was trained on top of another adapter than is served now")
            return self._examined(manifest)

    def days(self) -> list[Manifest]:
        """The adapters that naps made, the oldest first."""
        return [manifest for manifest in self.adapters() if manifest.kind == "day"]

    def discard(self, ids: Iterable[str]) -> None:
        """Delete these adapters; each goes at once. The one that HEAD names stays."""
        head = self._read_head()
        with self._lock, storage_faults(self.root):
            for id in ids:
                if id == head:
                    continue
                leaving = self.root / f"{_INCOMING}discarded-{id}"
                (self.root / id).rename(leaving)  # a kill midway would leave half an adapter by its name
                discard_folder(leaving)

    def log(self) -> list[LogEntry]:
        """Every move of HEAD, the first one first. A line that a crash tore is left out."""
        return list(self._log_entries())

    def adapters(self) -> list[Manifest]:
        """Every adapter whose manifest can be read, the oldest first."""
        found = []
        for folder in self._folders():
            with suppress(DamagedAdapter):
                found.append(read_manifest(folder))
        return sorted(found, key=lambda manifest: (manifest.created_at, manifest.id))

    def candidates(self) -> list[Manifest]:
        """The adapters that were never published, the oldest first."""
        published = {entry.adapter for entry in self._log_entries()} | set(self._stack())
        return [
            manifest
            for manifest in self.adapters()
            if manifest.kind == "night" and manifest.id not in published
        ]

    def diff(self, a: str, b: str) -> dict[str, list[dict[str, Any]]]:
        """What changed from adapter `a` to `b`: memories by id, and the answers to questions both were asked.

        {"memories_added": [{"id", "statement"}], "memories_removed": [the same],
        "exam_changed": [{"id", "question", "before": {"answer", "passed"}, "after": the same}]}, where `id`
        is the question's in the exam of `a`.
        """
        before, after = self.get(a), self.get(b)
        old, new = ({memory.id: memory for memory in manifest.memories} for manifest in (before, after))
        answers, answers_now = (_answers(self.exam(manifest.id)) for manifest in (before, after))
        return {
            "memories_added": [new[id].model_dump() for id in new if id not in old],
            "memories_removed": [old[id].model_dump() for id in old if id not in new],
            "exam_changed": [
                {"id": id, "question": asked[0], "before": answer, "after": answers_now[asked][1]}
                for asked, (id, answer) in answers.items()
                if asked in answers_now and answer != answers_now[asked][1]
            ],
        }

    def _settle(self, incoming: Path, manifest: Manifest) -> Manifest:
        """Rename the finished folder into its place, unless the adapter is there already, whole."""
        place = self.root / manifest.id
        damaged = self.root / f"{_INCOMING}damaged-{manifest.id}"
        if place.exists():
            with suppress(AdapterError):
                return self.verify(manifest.id)
            place.rename(damaged)
        for folder in (incoming, *(path for path in incoming.rglob("*") if path.is_dir())):
            sync_folder(folder)
        incoming.rename(place)
        sync_folder(self.root)
        discard_folder(damaged)
        return manifest

    def _resolve(self, prefix: str) -> str:
        # Only hex: an id never leads out of the registry's folder.
        found = [folder.name for folder in self._folders() if folder.name.startswith(prefix)]
        if not prefix or not _HEX.issuperset(prefix) or len(found) != 1:
            raise UnknownAdapter(prefix, len(found) if prefix else 0)
        return found[0]

    def _folders(self) -> list[Path]:
        try:
            return sorted(path for path in self.root.iterdir() if _is_id(path.name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _servable(self, id: str) -> Manifest:
        manifest = self.verify(id)
        if manifest.kind == "day":
            raise AdapterError(manifest.id, "it is a nap's, which is only served on top of the night's")
        return self._examined(manifest)

    def _examined(self, manifest: Manifest) -> Manifest:
        exam = self.exam(manifest.id)
        if exam is None:
            raise NoExamOnRecord(manifest.id)
        if exam.get("adapter") != manifest.id:
            raise NoExamOnRecord(manifest.id, f"the exam on record is that of {exam.get('adapter')}")
        if exam.get("passed") is not True:
            raise NoExamOnRecord(manifest.id, "its exam was not passed")
        return manifest

    def _first_servable(self, ids: list[str]) -> Manifest | None:
        for id in ids:
            try:
                return self._servable(id)
            except AdapterError as error:
                self._warn_once(str(error))
        return None

    def _move_head(self, id: str | None, action: Action, note: str = "", once: str = "") -> None:
        with storage_faults(self.root):
            self._catch_up_log()
            if self._read_head() != (id or BARE_BASE):
                previous = self._last_logged()
                key = f"{once}\n" if once else ""  # with the move, so that a crash keeps both or neither
                write_atomic(self.root / "HEAD", f"{id or BARE_BASE}\n{key}".encode())
                self._append_log(action, id, previous, note, once)

    def _catch_up_log(self) -> None:
        """Log the move of HEAD that a crash kept from being logged."""
        said, last = self._read_head(), self._last_logged()
        served = None if said == BARE_BASE else said
        if said is not None and served != last:
            once = self._moved_under()
            action: Action = "publish" if served and not once else "rollback"
            self._append_log(action, served, last, once=once)

    def _append_log(
        self, action: Action, adapter: str | None, previous: str | None, note: str = "", once: str = ""
    ) -> None:
        at = datetime.now(UTC).isoformat()
        entry = {"at": at, "action": action, "adapter": adapter, "previous": previous}
        if note:
            entry["note"] = note
        if once:
            entry["once"] = once
        append_line(self.root / "log.jsonl", json.dumps(entry))

    def _last_logged(self) -> str | None:
        entries = self.log()
        return entries[-1].adapter if entries else None

    def _moved_under(self) -> str:
        """The idempotency key of HEAD's last move; "" for a move that had none."""
        try:
            return "".join((self.root / "HEAD").read_text(errors="replace").splitlines()[1:2])
        except OSError:
            return ""

    def _read_head(self) -> str | None:
        """What HEAD says: an id or "base"; None when it is missing or holds neither."""
        try:
            said = (self.root / "HEAD").read_text(errors="replace").strip().partition("\n")[0]
        except OSError:
            return None
        return said if said == BARE_BASE or _is_id(said) else None

    def _stack(self) -> list[str]:
        """What was published and not rolled back, HEAD's last: the log replayed; HEAD has the last word."""
        stack: list[str] = []
        for entry in self._log_entries():
            _push(stack, entry.adapter)
        said = self._read_head()
        if said is None:
            if stack:
                self._warn_once(f"The registry's HEAD is lost, and {stack[-1]} was the last one published.")
        else:
            _push(stack, None if said == BARE_BASE else said)
        return stack

    def _warn_once(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def _log_entries(self) -> Iterator[LogEntry]:
        try:
            lines = (self.root / "log.jsonl").read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["at"])
                said = entry.get("note", ""), entry.get("once", "")
                yield LogEntry(at, entry["action"], entry["adapter"], entry["previous"], *said)


def _push(stack: list[str], id: str | None) -> None:
    if id is None:
        stack.clear()
    elif id in stack:
        del stack[stack.index(id) + 1 :]
    else:
        stack.append(id)


def _is_id(name: str) -> bool:
    return len(name) == ID_CHARS and _HEX.issuperset(name)


def _json_bytes(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _build_files(build: Path) -> list[str]:
    """Relative paths of the files to take in."""
    names = sorted(str(path.relative_to(build).as_posix()) for path in build.rglob("*") if path.is_file())
    if missing := sorted(set(REQUIRED_FILES) - set(names)):
        raise DamagedAdapter(build.name, f"{', '.join(missing)} is missing from what was built")
    with (build / GGUF_NAME).open("rb") as file:
        if file.read(len(_GGUF_MAGIC)) != _GGUF_MAGIC:
            raise DamagedAdapter(build.name, f"its {GGUF_NAME} is not a GGUF file")
    return [name for name in names if name not in (MANIFEST_NAME, EXAM_NAME)]


def _take_in(build: Path, names: list[str], incoming: Path) -> dict[str, str]:
    files = {}
    for name in names:
        (incoming / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files[name] = copy_synced(build / name, incoming / name)
    return files


def _signature(folder: Path, manifest: Manifest) -> _Signature:
    try:
        stats = [(name, (folder / name).stat()) for name in (MANIFEST_NAME, *sorted(manifest.files))]
    except OSError as cause:
        missing = Path(cause.filename or "").name
        raise DamagedAdapter(manifest.id, f"its {missing} is missing") from cause
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats)


def _check_hashes(folder: Path, manifest: Manifest) -> None:
    for name, expected in manifest.files.items():
        try:
            found = sha256_of(folder / name)
        except OSError as cause:
            raise DamagedAdapter(manifest.id, f"its {name} cannot be read ({cause.strerror})") from cause
        if found != expected:
            raise DamagedAdapter(manifest.id, f"its {name} is not the file that was written")


def _answers(exam: Mapping[str, Any] | None) -> dict[tuple[str, bool], tuple[str, dict[str, Any]]]:
    """(item's id, {"answer", "passed"}) of each question of an exam, by its words and whether a decision on
    a tool was asked for: an id only says the place in its exam.
    """
    return {
        (str(item["question"]), item.get("kind") == "tool"): (
            str(item.get("id")),
            {"answer": item.get("answer"), "passed": item.get("passed")},
        )
        for item in (exam or {}).get("items", [])
        if item.get("question")
    }
