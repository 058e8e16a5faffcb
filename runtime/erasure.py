"""Takes the forgotten out of a home's files: what nights left, what adapters say of themselves, checkpoints.

Promise: each file is rewritten whole or not at all, JSON stays JSON, and `traces` says where the words still
stand; neither leaves the scope that the home is: other users' homes inside it, and the tokens that open them,
are not looked at. The journal's own file and trained weights are not its business.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..memory.durable import storage_faults, write_atomic
from ..memory.episodes.keeping import sweep_leftovers
from ..memory.home import Home
from ..sleep.forgetting import Fingerprint, Scrubber

RECEIPTS = "receipts"
BACKUPS = "backups"
_NOT_THIS_SCOPES = {"users", "tokens.json"}  # other scopes' homes, and who may open which
_WEIGHTS = {".gguf", ".safetensors"}
_WORKING = ("job", "build")  # what a night trains with, in tokens; it is made again by the night
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf])")
_BETWEEN = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Erased:
    """How many files were rewritten or removed, and how many training examples went."""

    files: int
    training_lines: int


def erase_files(home: Home, scrub: Scrubber, forgotten: Sequence[str]) -> Erased:
    """Rewrites or removes every file of the home that tells of the forgotten. `forgotten` are memory ids."""
    rewritten, lines = 0, 0
    with storage_faults(home.path):
        sweep_leftovers(home.path)
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


def _own_files(home: Home) -> Iterator[Path]:
    """Every file of the scope, but for trained weights and what belongs to other scopes."""
    for top in sorted(home.path.iterdir()):
        if top.name in _NOT_THIS_SCOPES:
            continue
        for path in sorted(top.rglob("*")) if top.is_dir() and not top.is_symlink() else [top]:
            if path.is_file() and not path.is_symlink() and path.suffix not in _WEIGHTS:
                yield path


def _texts(home: Home) -> Iterator[Path]:
    """Files that may hold talk, beside the journal."""
    for path in _own_files(home):
        within = path.relative_to(home.path)
        kept_as_it_is = within.parts[0] in (RECEIPTS, BACKUPS, "lock", home.store_path.name)
        if not kept_as_it_is and not within.name.startswith(home.journal_path.name):
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

    Every file of the scope is read as bytes, the journal's too. Numbers of trained weights are left out.
    """
    forms = sorted(form for word in words for form in _forms(word))
    wanted = re.compile(
        rb"(?:(?<![a-z0-9])|(?<=\\[nrtbf]))(?:" + b"|".join(map(re.escape, forms)) + rb")(?:e?s)?(?![a-z0-9])"
    )
    return _search(home, lambda data: bool(forms and wanted.search(data.lower())))


def traces_of(home: Home, prints: Sequence[Fingerprint], spared: Sequence[str]) -> tuple[int, list[str]]:
    """As `traces`, where the words themselves are not known any more, which takes longer.

    Names alone are looked for, and not those in `spared`, what memories that stay say and rest on.
    """
    kept = " \n ".join(spared)
    names = [
        replace(print_, needles=(needle,))
        for print_ in prints
        for needle in print_.needles
        if needle.distinctive and not replace(print_, needles=(needle,)).holds(kept)
    ]
    return _search(
        home, lambda data: any(name.spans(p, thorough=True) for p in _pieces(data) for name in names)
    )


def _search(home: Home, holds: Callable[[bytes], bool]) -> tuple[int, list[str]]:
    found, searched = [], 0
    for path in _own_files(home):
        if path.name == "lock":
            continue
        searched += 1
        if holds(path.read_bytes()):
            found.append(str(path.relative_to(home.path)))
    return searched, found


def _pieces(data: bytes) -> list[str]:
    """What a file's bytes may spell, with JSON's escapes resolved."""
    text = data.decode("utf-8", "replace")
    plain = _ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
    return _BETWEEN.split(plain)


def _forms(word: str) -> set[bytes]:
    """A word as files may hold it: plain, and escaped in JSON."""
    lower = word.lower()
    return {lower.encode("utf-8", "surrogatepass"), json.dumps(lower)[1:-1].encode()}
