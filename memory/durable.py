"""Files that survive a kill or a power cut: written beside, synced, renamed, and the folder synced.

A path holds its old content or its new one, whole, at every instant. Knows nothing of what the files mean.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from .errors import HOME, DiskFull, DormouseError, Folder, HomeError, HomeNotWritable

_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow any further",
}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_CHUNK_BYTES = 1 << 20


def storage_error(path: Path, cause: OSError, folder: Folder = HOME) -> DormouseError:
    """The error a user should see when the operating system refused a write in the folder `path`."""
    if cause.errno in _NO_ROOM:
        return DiskFull(path, _NO_ROOM[cause.errno], folder)
    if cause.errno in _NOT_ALLOWED:
        return HomeNotWritable(path, os.strerror(cause.errno).lower(), folder)
    return HomeError(path, f"{cause.strerror or cause}".lower(), folder)


@contextmanager
def storage_faults(path: Path, folder: Folder = HOME) -> Iterator[None]:
    """Turn every OSError of the block into DiskFull, HomeNotWritable or HomeError about the folder `path`."""
    try:
        yield
    except OSError as cause:
        raise storage_error(path, cause, folder) from cause


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, data: bytes) -> None:
    """Replace `path` by `data`; it holds the old bytes or the new ones, whole. An OSError leaves the old."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Append one line and sync it. A line torn by an earlier crash is closed first, and stays apart."""
    begun = path.exists()
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if not begun:
        sync_folder(path.parent)


def copy_synced(source: Path, target: Path) -> str:
    """Copy one file, sync it, and return the SHA-256 (hex) of the bytes that were written."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK_BYTES):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def discard_folder(folder: Path) -> None:
    """Remove a folder that nothing refers to; what cannot be removed now is left for a later call."""
    shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left half-made in `folder`: entries named `.*.<pid>.new`."""
    for left in folder.glob(".*.new"):
        owner = left.name.split(".")[-2]
        if not owner.isdigit() or psutil.pid_exists(int(owner)):
            continue
        if left.is_dir():
            discard_folder(left)
        else:
            left.unlink(missing_ok=True)
