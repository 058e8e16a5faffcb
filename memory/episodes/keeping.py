"""A home's tier 1 in one file: the journal, copied while it is in use, and the words and vectors of its
index.

Promise: what is restored is whole and of this format, or nothing is changed. What a backup holds may be
amended on its way, whole too. Knows archives, SQLite's own copying and the index, not the journal's tables.
"""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ..durable import discard_folder, sha256_of, storage_faults, sync_folder
from ..errors import FIXED, OUTPUT, BadInput, JournalBusy, JournalDamaged, StoreError
from ..sqlite_store import journal_error

if TYPE_CHECKING:
    from .store import Source

_FORMAT = 1
_JOURNAL, _INDEX, _CONTENTS = "journal.db", "index.db", "contents.json"
_KEPT = frozenset({_JOURNAL, _INDEX, _CONTENTS})
_BESIDE = ".dormouse-"
_BUSY_S = 5.0
_READ = 1000  # episodes taken from the journal at once

Amend = Callable[[Path, Path], None]
"""Changes the journal and the index (which need not be there) at these paths before they are put anywhere."""

Announce = Callable[[str], None]
"""Told the checksum of a backup, just before it stands under its name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup file holds: the turns of the journal in it, and its bytes."""

    path: Path
    turns: int
    bytes: int


def back_up(journal: Path, index: Path, target: Path, announce: Announce = lambda digest: None) -> Kept:
    """Write the journal and the index to `target`, which is replaced whole. Raises BadInput, DiskFull,
    HomeError.
    """
    if not journal.exists():
        raise BadInput(f"There is nothing to back up: {journal} is not there yet.")
    if target.is_dir():
        raise BadInput(f"A backup is one file, and {target} is a folder.")
    folder = target.absolute().parent
    with storage_faults(folder, OUTPUT), _beside(folder) as beside:
        for name, source in ((_JOURNAL, journal), (_INDEX, index)):
            if source.exists():
                _copy(source, beside / name)
        return _packed(beside, target, announce)


def amend_backup(target: Path, amend: Amend, announce: Announce = lambda digest: None) -> Kept:
    """Replace a backup, whole, by what `amend` makes of what it holds. Raises BadInput, DiskFull, HomeError,
    and what `amend` raises.
    """
    folder = target.absolute().parent
    with storage_faults(folder, FIXED), _beside(folder) as beside:
        _unpacked(target, beside)
        amend(beside / _JOURNAL, beside / _INDEX)
        return _packed(beside, target, announce)


def restore(
    source: Path,
    journal: Path,
    index: Path,
    *,
    replace: bool = False,
    amend: Amend = lambda journal, index: None,
) -> Kept:
    """Put a backup's journal and index where they were, as `amend` leaves them. `index` is its place; what
    else is there is removed.

    Nothing may have them open. Raises BadInput for a file that is no whole backup, and for a home with turns
    of its own unless `replace`; JournalBusy while another process reads the journal.
    """
    if not source.is_file():
        raise BadInput(f"There is no backup at {source}.")
    if not replace and journal.exists() and _turns(journal):
        raise BadInput(
            f"{journal} holds {_turns(journal)} turns already; --replace puts the backup in their place."
        )
    folder = journal.parent
    with storage_faults(folder), _beside(folder) as beside:
        _unpacked(source, beside)
        amend(beside / _JOURNAL, beside / _INDEX)
        turns = _turns(beside / _JOURNAL)
        _sync(beside)
        _settle(journal)
        _swap(beside, journal, index)
    return Kept(source, turns, source.stat().st_size)


def refresh_index(index: Path, source: Source) -> None:
    """Take out of an index file what its journal no longer says; it is taken in anew once a home has it.

    One that cannot be read, or is of another version, is removed: all of it can be made again.
    """
    from .records import Scope
    from .shelf import Shelf

    try:
        with closing(sqlite3.connect(index)) as db:
            told = dict(db.execute("SELECT name, value FROM meta"))
        shelf = Shelf(index, Scope(told["user"], told["agent"]), told["embedder"], 0)
    except (sqlite3.Error, StoreError, KeyError):
        index.unlink()
        return
    with closing(shelf):
        changed, last = set(shelf.ids()), 0
        while episodes := source.after(last, _READ):
            held = shelf.episodes([episode.id for episode in episodes])
            changed -= {each.id for each in episodes if each.id in held and held[each.id].text == each.text}
            last = episodes[-1].id
        with shelf.writing():
            shelf.remove(changed)
            shelf.set_meta("seen", "0")
        shelf.compact()


def sweep_leftovers(folder: Path) -> None:
    """Remove what backing up or restoring left in `folder` when it was killed."""
    for left in folder.glob(f"{_BESIDE}*"):
        owner = left.name.removeprefix(_BESIDE).partition("-")[0]
        if owner.isdigit() and left.is_dir() and not psutil.pid_exists(int(owner)):
            discard_folder(left)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder in `folder` to work in, which goes with its end."""
    sweep_leftovers(folder)
    with tempfile.TemporaryDirectory(prefix=f"{_BESIDE}{os.getpid()}-", dir=folder) as beside:
        yield Path(beside)


def _packed(parts: Path, target: Path, announce: Announce) -> Kept:
    """The journal and the index in `parts`, as a backup at `target`."""
    digests = {name: sha256_of(parts / name) for name in (_JOURNAL, _INDEX) if (parts / name).exists()}
    turns = _turns(parts / _JOURNAL)
    contents = json.dumps({"format": _FORMAT, "turns": turns, "sha256": digests}).encode()
    whole = parts / "whole"
    with tarfile.open(whole, "w:gz", compresslevel=1) as archive:
        entry = tarfile.TarInfo(_CONTENTS)
        entry.size = len(contents)
        archive.addfile(entry, io.BytesIO(contents))
        for name in digests:
            archive.add(parts / name, arcname=name)
    os.chmod(whole, 0o600)
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    announce(sha256_of(whole))
    os.replace(whole, target)
    sync_folder(target.absolute().parent)
    return Kept(target, turns, target.stat().st_size)


def _unpacked(source: Path, folder: Path) -> None:
    """The parts of a backup in `folder`, each found to be what the backup says it is."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            members = archive.getmembers()
            if not all(member.isfile() and member.name in _KEPT for member in members):
                raise BadInput(f"{source} is no backup of a Dormouse home: it holds other files.")
            archive.extractall(folder, members, filter="data")
        contents = json.loads((folder / _CONTENTS).read_bytes())
        whole = all(sha256_of(folder / name) == digest for name, digest in contents["sha256"].items())
        known = contents["format"] == _FORMAT and _JOURNAL in contents["sha256"]
    except (
        tarfile.TarError,
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
    ) as cause:
        raise BadInput(f"{source} is no whole backup of a Dormouse home ({type(cause).__name__}).") from cause
    if not known or not whole:
        raise BadInput(f"{source} is a damaged backup, or one of a later Dormouse.")


def _copy(source: Path, target: Path) -> None:
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)


def _sync(parts: Path) -> None:
    for name in (_JOURNAL, _INDEX):
        if (parts / name).exists():
            with (parts / name).open("rb") as file:
                os.fsync(file.fileno())


def _settle(journal: Path) -> None:
    """Have the file itself hold all that its log does, so that one rename takes the old state away whole.

    Raises JournalBusy and the like. A damaged file has nothing that could be kept.
    """
    try:
        if journal.exists():
            with closing(sqlite3.connect(journal, timeout=_BUSY_S)) as db:
                if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    raise JournalBusy(journal, _BUSY_S)
    except sqlite3.Error as cause:
        error = journal_error(journal, cause)
        if not isinstance(error, JournalDamaged):
            raise error from cause
    for end in ("-wal", "-shm"):
        journal.with_name(f"{journal.name}{end}").unlink(missing_ok=True)


def _swap(parts: Path, journal: Path, index: Path) -> None:
    """The journal of `parts` in the place of the old one, in one step; no index stands beside one that is not
    its own meanwhile, since it can be made again and they could not be told apart.
    """
    old = parts / "old"
    had_index = index.parent.exists()
    if had_index:
        os.rename(index.parent, old)
    try:
        os.replace(parts / _JOURNAL, journal)
    except BaseException:
        if had_index:
            os.rename(old, index.parent)
        raise
    sync_folder(journal.parent)
    if (parts / _INDEX).exists():
        with suppress(OSError):
            index.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(parts / _INDEX, index)
            sync_folder(index.parent)


def _turns(journal: Path) -> int:
    with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM turns").fetchone()[0])
        except sqlite3.DatabaseError as cause:
            raise BadInput(f"{journal} is no journal ({cause}).") from cause
