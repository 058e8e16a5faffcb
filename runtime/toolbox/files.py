"""`files`: one folder the owner declared, to list, read, and, if declared so, write.

Promise: nothing outside that folder is opened, whatever the path says: every part of it is opened from the
one above, and none may be a link. A file is replaced whole or not at all.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ...graphs.abc import Approval, Tool, ToolFailed
from ..errors import UnusableTool

_LARGEST_BYTES = 1 << 20
_MOST_NAMES = 200
_LONGEST_TEXT = 8000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Files(Tool):
    """Works in `folder`, which must be there. UnusableTool when it is not."""

    name = "files"
    approval: Approval = "never"

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self._folder = folder
        self._write = write
        if not folder.is_dir():
            raise UnusableTool(self.name, f"its folder {folder} is not there")
        what = "lists, reads and writes" if write else "lists and reads"
        self.description = f"{what} the files of one folder"
        self.example = ("Which files are there?", {"action": "list", "path": "."})
        path = {"type": "string", "minLength": 1, "maxLength": 200, "description": "path within the folder"}
        ways = [_way("list", path), _way("read", path)]
        if write:
            ways.append(_way("write", path, text={"type": "string", "maxLength": _LONGEST_TEXT}))
            self.approval = "ask"
        self.parameters: Mapping[str, Any] = {"anyOf": ways}

    def call(self, arguments: Mapping[str, Any]) -> str:
        parts = _parts(arguments["path"])
        try:
            if arguments["action"] == "list":
                return self._list(parts)
            if arguments["action"] == "read":
                return self._read(parts)
            if not self._write:
                raise ToolFailed("it may not write here")
            return self._put(parts, arguments["text"])
        except OSError as error:
            link = error.errno in (40, 62)  # ELOOP, on Linux and on macOS
            raise ToolFailed(
                "links are not followed" if link else (error.strerror or "it failed").lower()
            ) from None
        except ValueError as error:
            raise ToolFailed(str(error)) from None

    def _list(self, parts: list[str]) -> str:
        with self._within(parts) as folder:
            names = []
            with os.scandir(folder) as entries:
                for entry in entries:
                    names.append(entry.name + ("/" if entry.is_dir(follow_symlinks=False) else ""))
        names.sort()
        more = f"\nand {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        return "\n".join(names[:_MOST_NAMES]) + more if names else "It is empty."

    def _read(self, parts: list[str]) -> str:
        if not parts:
            raise ToolFailed("that is a folder")
        with self._within(parts[:-1]) as folder:
            handle = os.open(parts[-1], _FILE, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ToolFailed("that is not a file")
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise ToolFailed(f"it is larger than {_LARGEST_BYTES >> 20} MiB")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise ToolFailed("it is not text") from None

    def _put(self, parts: list[str], text: str) -> str:
        if not parts:
            raise ToolFailed("that is a folder")
        with self._within(parts[:-1], make=True) as folder:
            with suppress(FileNotFoundError):
                there = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISREG(there.st_mode):
                    raise ToolFailed("that is not a file")
            draft = f".{secrets.token_hex(8)}.tmp"
            try:
                with os.fdopen(os.open(draft, _NEW, 0o644, dir_fd=folder), "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(draft, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _drop(draft, folder)
                raise
        return f"Wrote {len(text)} characters to {'/'.join(parts)}."

    @contextmanager
    def _within(self, parts: list[str], *, make: bool = False) -> Iterator[int]:
        """The folder that `parts` lead to, opened."""
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in parts:
                if make:
                    _make(part, handle)
                below = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)


def _way(action: str, path: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    properties = {"action": {"const": action}, "path": path, **more}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _parts(path: str) -> list[str]:
    if "\0" in path or path.startswith(("/", "~")):
        raise ToolFailed("the path must be one within the folder")
    parts = [part for part in PurePosixPath(path).parts if part != "."]
    if ".." in parts:
        raise ToolFailed("the path must not lead out of the folder")
    return parts


def _make(part: str, handle: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(part, dir_fd=handle)


def _drop(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
