"""Backups of a home, each on record in it (`backups/`), so that what is forgotten later leaves them too.

Promise: a backup is rewritten only where it is, byte for byte, one that this home made; what one brings back
comes without what the home has forgotten since. How a backup is packed stands in `memory.episodes.keeping`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..memory.durable import sha256_of, storage_faults, write_atomic
from ..memory.episodes.journal_source import JournalSource
from ..memory.episodes.keeping import (
    Amend,
    Kept,
    amend_backup,
    back_up,
    refresh_index,
    restore,
    sweep_leftovers,
)
from ..memory.errors import BadInput, DormouseError, JournalDamaged, JournalTooNew
from ..memory.home import Home
from ..memory.journal import Journal, Tombstone
from ..sleep.fingerprint import Fingerprint, fingerprint_of
from ..sleep.forgetting import eraser, still_tells
from .erasure import BACKUPS
from .receipts import read_receipts

WITHOUT_IT = "rewritten without it"
GONE = "no longer there"
CHANGED = "left alone: another file is there now"
HOLDING = "still holding it"


@dataclass(frozen=True, slots=True)
class Record:
    """A backup that was made: where, when, and the SHA-256 of its bytes."""

    path: str
    at: str
    sha256: str


def back_up_home(home: Home, journal: Journal, index: Path, target: Path) -> Kept:
    """Write a home's journal and index to one file, and put that on record. Raises BadInput and the like.

    What is forgotten meanwhile is taken out of it before this returns.
    """
    before = journal.tombstones()
    where = _place(target)
    kept = back_up(home.journal_path, index, where, lambda digest: _note(home, where, digest))
    _keep_last(home, where)
    erasing = any(receipt.state == "erasing" for receipt in read_receipts(home))
    if erasing or journal.tombstones() != before:
        _rewrite(home, where, journal)
    return replace(kept, path=target, bytes=where.stat().st_size)


def forget_in_backups(home: Home, journal: Journal) -> dict[str, str]:
    """Takes what the journal's tombstones say out of every backup on record; what became of each, by path."""
    outcome = {}
    for record in _records(home):
        path = Path(record.path)
        if not path.is_file():
            outcome[record.path] = GONE
            if path.parent.is_dir():  # else it may be on a disk that comes back
                _drop(home, record)
        elif sha256_of(path) != record.sha256:
            outcome.setdefault(record.path, CHANGED)
        else:
            try:
                _rewrite(home, path, journal)
                outcome[record.path] = WITHOUT_IT
            except (DormouseError, OSError) as error:
                outcome[record.path] = f"{HOLDING}: {error}"
    return outcome


def restore_home(home: Home, source: Path, index: Path, *, replace: bool) -> Kept:
    """Put a backup's journal and index into the home, without what the home has forgotten.

    Raises BadInput, JournalBusy and the like, with nothing changed.
    """
    stones, staying = _remembered(home)
    return restore(source, home.journal_path, index, replace=replace, amend=_without(stones, staying))


def _remembered(home: Home) -> tuple[list[Tombstone], set[str]]:
    """The home's tombstones, and the ids of the memories it has kept."""
    if not home.journal_path.exists():
        return [], set()
    try:
        with Journal(home.journal_path) as journal:
            return journal.tombstones(), _staying(journal)
    except (JournalDamaged, JournalTooNew) as error:
        if not read_receipts(home):
            return [], set()
        raise BadInput(
            f"{home.journal_path} cannot be read, so what was forgotten is not known; move it away to "
            "restore the backup with everything in it."
        ) from error


def _staying(journal: Journal) -> set[str]:
    return {memory.id for memory in journal.memories() if memory.state != "forgotten"}


def _rewrite(home: Home, path: Path, journal: Journal) -> None:
    sweep_leftovers(path.parent)
    amend = _without(journal.tombstones(), _staying(journal))
    amend_backup(path, amend, lambda digest: _note(home, path, digest))
    _keep_last(home, path)


def _without(stones: Sequence[Tombstone], staying: Collection[str]) -> Amend:
    """Sets these tombstones in a journal, and erases there what they stand for. `staying` are the ids of
    memories that are not to go, though they say something alike.
    """

    def amend(journal_path: Path, index: Path) -> None:
        if not stones:
            return
        with Journal(journal_path) as journal:
            _erase(journal, stones, staying)
            if index.exists():
                refresh_index(index, JournalSource(journal))

    return amend


def _erase(journal: Journal, stones: Sequence[Tombstone], staying: Collection[str]) -> None:
    there = {stone.id: stone for stone in journal.tombstones()}
    new = [stone for stone in stones if _as_set(there.get(stone.id)) != _as_set(stone)]
    prints = {stone.id: Fingerprint.of_json(stone.fingerprint) for stone in new if stone.lifted_at is None}
    memories = [memory for memory in journal.memories() if memory.state != "forgotten"]
    going = {memory.id: memory.id for memory in memories if memory.id in prints}
    for memory in memories:
        telling = [id for id, print_ in prints.items() if still_tells(print_, memory)]
        if telling and memory.id not in staying:
            going.setdefault(memory.id, telling[0])
    by_id = {stone.id: stone for stone in stones}
    alike = [replace(by_id[stone], id=memory) for memory, stone in going.items() if memory != stone]
    gone = [memory for memory in memories if memory.id in going]
    left = [memory for memory in memories if memory.id not in going]
    scrub = eraser([*prints.values(), *map(fingerprint_of, gone)], left)
    journal.forget([*stones, *alike], scrub.of_json, scrub.of_answer)
    journal.purge()


def _as_set(stone: Tombstone | None) -> object:
    """What tells whether a tombstone was acted on already."""
    return stone and (stone.receipt, stone.lifted_at)


# --- records -----------------------------------------------------------------------------


def _place(target: Path) -> Path:
    return target.expanduser().absolute()


def _file(home: Home, record: Record) -> Path:
    name = hashlib.sha256(f"{record.path}\0{record.sha256}".encode("utf-8", "surrogatepass")).hexdigest()
    return home.path / BACKUPS / f"{name[:32]}.json"


def _note(home: Home, path: Path, digest: str) -> None:
    """Before the backup is there, so that no kill leaves one that is on no record."""
    record = Record(str(path), datetime.now(UTC).isoformat(timespec="seconds"), digest)
    file = _file(home, record)
    with storage_faults(home.path):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomic(file, (json.dumps(asdict(record), indent=2) + "\n").encode())


def _keep_last(home: Home, path: Path) -> None:
    """Drop the records of what stood at `path` before."""
    now = sha256_of(path)
    for record in _records(home):
        if record.path == str(path) and record.sha256 != now:
            _drop(home, record)


def _drop(home: Home, record: Record) -> None:
    with storage_faults(home.path):
        _file(home, record).unlink(missing_ok=True)


def _records(home: Home) -> Iterator[Record]:
    """All of them, the oldest first; one that is not readable is left out."""
    found = []
    for file in (home.path / BACKUPS).glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            found.append(Record(**json.loads(file.read_bytes())))
    yield from sorted(found, key=lambda record: (record.at, record.path))
