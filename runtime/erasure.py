"""Takes the forgotten out of a home's files: what nights left, what adapters say of themselves, checkpoints.

Promise: each file is rewritten whole or not at all, JSON stays JSON, and `traces` says where the words still
stand. The journal's own file and trained weights are not its business.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..memory.durable import storage_faults, write_atomic
from ..memory.home import Home
from ..sleep.forgetting import Scrubber

RECEIPTS = "receipts"
_WEIGHTS = {".gguf", ".safetensors"}
_WORKING = ("job", "build")  # what a night trains with, in tokens; it is made again by the night


@dataclass(frozen=True, slots=True)
class Erased:
    """How many files were rewritten or removed, and how many training examples went."""

    files: int
    training_lines: int


def erase_files(home: Home, scrub: Scrubber, forgotten: Sequence[str]) -> Erased:
    """Rewrites or removes every file of the home that tells of the forgotten. `forgotten` are memory ids."""
    rewritten, lines = 0, 0
    with storage_faults(home.path):
        for kept in (home.checkpoints_path, home.waiting_path):
            for end in ("", "-wal", "-shm"):
                path = home.path / f"{kept.name}{end}"
                if path.exists():
                    path.unlink()  # a night cut short begins again; a turn that waits is not gone on with
                    rewritten += 1
        for folder in [home.nights_path / night / work for night in _nights(home) for work in _WORKING]:
            if folder.exists():
                shutil.rmtree(folder)
                rewritten += 1
        for path in _texts(home):
            dropped = _rewrite(path, scrub, frozenset(forgotten))
            if dropped is not None:
                rewritten += 1
                lines += dropped
    return Erased(rewritten, lines)


def _nights(home: Home) -> list[str]:
    with suppress(FileNotFoundError):
        return sorted(path.name for path in home.nights_path.iterdir() if path.is_dir())
    return []


def _texts(home: Home) -> Iterator[Path]:
    """Files that may hold talk, beside the journal."""
    for path in sorted(home.path.rglob("*")):
        within = path.relative_to(home.path)
        if not path.is_file() or path.is_symlink() or path.suffix in _WEIGHTS:
            continue
        if within.parts[0] in (RECEIPTS, "lock", home.store_path.name) or within.name.startswith(
            home.journal_path.name
        ):
            continue
        yield path


def _rewrite(path: Path, scrub: Scrubber, forgotten: frozenset[str]) -> int | None:
    """Rewrites one file; how many of its lines were dropped, or None when nothing in it had to go."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogatepass")
    except (UnicodeDecodeError, OSError):
        return None
    if path.suffix == ".jsonl":
        new, dropped = _lines(text, scrub, forgotten)
    else:
        new, dropped = _document(text, scrub, forgotten), 0
    if new == text:
        return None
    write_atomic(path, new.encode("utf-8", "surrogatepass"))
    return dropped


def _lines(text: str, scrub: Scrubber, forgotten: frozenset[str]) -> tuple[str, int]:
    kept, dropped = [], 0
    for line in text.splitlines(keepends=True):
        try:
            row = json.loads(line)
        except ValueError:
            kept.append(scrub(line))
            continue
        if isinstance(row, dict) and row.get("memory") in forgotten:
            dropped += 1
        elif (new := scrub.of_json(row)) == row:
            kept.append(line)
        elif isinstance(row, dict) and "question" in row:
            dropped += 1  # an example about something else that still says it
        else:
            kept.append(json.dumps(new, ensure_ascii=False) + "\n")
    return "".join(kept), dropped


def _document(text: str, scrub: Scrubber, forgotten: frozenset[str]) -> str:
    try:
        row = json.loads(text)
    except ValueError:
        return scrub(text)
    new = scrub.of_json(_hashed(row, scrub, forgotten))
    return text if new == row else json.dumps(new, indent=2) + "\n"


def _hashed(row: Any, scrub: Scrubber, forgotten: frozenset[str]) -> Any:
    """A manifest's forgotten memories, each with a salted hash for its statement."""
    if not isinstance(row, dict) or not isinstance(row.get("memories"), list):
        return row
    code = scrub.prints[0].code if scrub.prints else str
    memories = [
        {**memory, "statement": f"forgotten, salted hash {code(str(memory.get('statement')))}"}
        if isinstance(memory, dict) and memory.get("id") in forgotten
        and not str(memory.get("statement")).startswith("forgotten, ")
        else memory
        for memory in row["memories"]
    ]  # fmt: skip
    return {**row, "memories": memories}


def traces(home: Home, words: Iterable[str]) -> tuple[int, list[str]]:
    """(how many files were searched, relative paths of those in which any of `words` stands as a word).

    Every file of the home is read as bytes, the journal's too. Numbers of trained weights are left out.
    """
    forms = sorted(form for word in words for form in _forms(word))
    wanted = re.compile(rb"(?<![a-z0-9])(?:" + b"|".join(map(re.escape, forms)) + rb")(?:e?s)?(?![a-z0-9])")
    found, searched = [], 0
    for path in sorted(home.path.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.suffix in _WEIGHTS or path.name == "lock":
            continue
        searched += 1
        if forms and wanted.search(path.read_bytes().lower()):
            found.append(str(path.relative_to(home.path)))
    return searched, found


def _forms(word: str) -> set[bytes]:
    """A word as files may hold it: plain, and escaped in JSON."""
    lower = word.lower()
    return {lower.encode("utf-8", "surrogatepass"), json.dumps(lower)[1:-1].encode()}
