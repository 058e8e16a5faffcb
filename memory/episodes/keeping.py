"""A home's tier 1 in one file: the journal, copied while it is in use, and the words and vectors of its
index.

Promise: what is restored is whole and of this format, or nothing is changed. Knows archives and SQLite's own
copying, not what is in the tables.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..durable import storage_faults, sync_folder
from ..errors import BadInput

_FORMAT = 1
_JOURNAL, _INDEX, _CONTENTS = "journal.db", "index.db", "contents.json"
_KEPT = frozenset({_JOURNAL, _INDEX, _CONTENTS})


@dataclass(frozen=True, slots=True)
class Kept:
    """What a backup file holds: the turns of the journal in it, and its bytes."""

    path: Path
    turns: int
    bytes: int


def back_up(journal: Path, index: Path, target: Path) -> Kept:
    """Write the journal and the index to `target`, which is replaced whole. Raises BadInput, DiskFull,
    HomeError.
    """
    if not journal.exists():
        raise BadInput(f"There is nothing to back up: {journal} is not there yet.")
    if target.is_dir():
        raise BadInput(f"A backup is one file, and {target} is a folder.")
    folder = target.absolute().parent
    with (
        storage_faults(folder),
        tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as beside,
    ):
        parts = {}
        for name, source in ((_JOURNAL, journal), (_INDEX, index)):
            if source.exists():
                _copy(source, Path(beside) / name)
                parts[name] = _sha256(Path(beside) / name)
        turns = _turns(Path(beside) / _JOURNAL)
        contents = json.dumps({"format": _FORMAT, "turns": turns, "sha256": parts}).encode()
        whole = Path(beside) / "whole"
        with tarfile.open(whole, "w:gz", compresslevel=1) as archive:
            entry = tarfile.TarInfo(_CONTENTS)
            entry.size = len(contents)
            archive.addfile(entry, io.BytesIO(contents))
            for name in parts:
                archive.add(Path(beside) / name, arcname=name)
        os.chmod(whole, 0o600)
        with whole.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(whole, target)
        sync_folder(folder)
    return Kept(target, turns, target.stat().st_size)


def restore(source: Path, journal: Path, index: Path, *, replace: bool = False) -> Kept:
    """Put a backup's journal and index where they were. `index` is its place; what else is there is
    removed.

    Nothing may have them open. Raises BadInput for a file that is no whole backup, and for a home with turns
    of its own unless `replace`.
    """
    if not source.is_file():
        raise BadInput(f"There is no backup at {source}.")
    if not replace and journal.exists() and _turns(journal):
        raise BadInput(
            f"{journal} holds {_turns(journal)} turns already; --replace puts the backup in their place."
        )
    folder = journal.parent
    with (
        storage_faults(folder),
        tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as beside,
    ):
        contents = _unpacked(source, Path(beside))
        shutil.rmtree(index.parent, ignore_errors=True)
        for name, target in ((_INDEX, index), (_JOURNAL, journal)):
            part = Path(beside) / name
            if not part.exists():
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            for left in (f"{target.name}-wal", f"{target.name}-shm"):
                target.with_name(left).unlink(missing_ok=True)
            os.replace(part, target)
            sync_folder(target.parent)
    return Kept(source, int(contents["turns"]), source.stat().st_size)


def _unpacked(source: Path, folder: Path) -> dict[str, int]:
    """The parts of a backup in `folder`, each found to be what the backup says it
    is.
    """
    if not source.is_file():
        raise BadInput(f"There is no backup at {source}.")
    try:
        with tarfile.open(source, "r:gz") as archive:
            members = archive.getmembers()
            if not all(member.isfile() and member.name in _KEPT for member in members):
                raise BadInput(f"{source} is no backup of a Dormouse home: it holds other files.")
            archive.extractall(folder, members, filter="data")
        contents = json.loads((folder / _CONTENTS).read_bytes())
        whole = all(_sha256(folder / name) == digest for name, digest in contents["sha256"].items())
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
    return {"turns": int(contents["turns"])}


def _copy(source: Path, target: Path) -> None:
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)


def _turns(journal: Path) -> int:
    with closing(sqlite3.connect(f"{journal.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM turns").fetchone()[0])
        except sqlite3.DatabaseError as cause:
            raise BadInput(f"{journal} is no journal ({cause}).") from cause


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
