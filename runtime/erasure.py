"""Takes the forgotten out of a home's files: what nights left, what adapters say of themselves, checkpoints.

Promise: each file is rewritten whole or not at all, JSON stays JSON, and `traces` says where the words still
stand; neither leaves the scope that the home is: other users' homes inside it, and the tokens that open them,
are not looked at. The journal's own file and trained weights are not its business.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..memory.durable import storage_faults, write_atomic
from ..memory.episodes.keeping import sweep_leftovers
from ..memory.home import Home
from ..sleep.forgetting import Scrubber

RECEIPTS = "receipts"
BACKUPS = "backups"
_NOT_THIS_SCOPES = {"users", "tokens.json"}  # other scopes' homes, and who may open which
_WEIGHTS = {".gguf", ".safetensors"}
_WORKING = ("job", "build")  # what a night trains with, in tokens; it is made again by the night
_SQLITE = b"SQLite format 3\0"
_SAYS = frozenset({"subject", "attribute", "value", "statement"})
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
        elif isinstance(row, dict) and row.get("memory") in scrub.serving:
            kept.append(line)  # a memory that stays holds the same words, and this asks for it
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
    return _search(home, lambda path: bool(forms and wanted.search(path.read_bytes().lower())))


@dataclass(frozen=True, slots=True)
class Left:
    """How many files were searched, which tell of the forgotten, and in which others a word of it stands."""

    searched: int
    holding: list[str]
    mentioning: list[str]


def left_in(home: Home, scrub: Scrubber, every_byte: bool = False) -> Left:
    """Reads all texts of the scope, databases row by row, for what `scrub` would take out, and for its words.

    `every_byte` is for where the words themselves are not known any more and `traces` cannot be asked: what
    is no text is read as if it were.
    """
    looking, mentioning = scrub.searching(), []

    def tells(path: Path) -> bool:
        holds = False
        for row in _rows(path, every_byte):
            if isinstance(row, dict) and str(row.get("memory")) in scrub.serving:
                continue
            if looking.of_json(row) != row:
                return True
            holds = holds or scrub.holds(row)
        if holds:
            mentioning.append(str(path.relative_to(home.path)))
        return False

    searched, holding = _search(home, tells)
    return Left(searched, holding, mentioning)


def _rows(path: Path, every_byte: bool) -> Iterator[Any]:
    """What a file says: the rows of a database, JSON values, or pieces of text."""
    data = path.read_bytes()
    if data.startswith(_SQLITE):
        try:
            yield from _of_database(path)
        except sqlite3.Error:  # damaged, or a table of an extension that is not here
            every_byte = True
        if not every_byte:
            return
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        yield from _pieces(data) if every_byte else ()
        return
    for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
        try:
            yield json.loads(part)
        except ValueError:
            yield from _pieces(part.encode("utf-8", "surrogatepass"))


def _of_database(path: Path) -> Iterator[dict[str, Any]]:
    """The texts of every row; but not what a memory says, which is whole where it stays and else emptied."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            unread = _SAYS if table == "memories" else frozenset[str]()
            asked = database.execute('SELECT * FROM "' + table.replace('"', '""') + '"')
            names = [column[0] for column in asked.description]
            for row in asked:
                values = {n: v for n, v in zip(names, row, strict=True) if n not in unread}
                yield {name: _value(value) for name, value in values.items() if isinstance(value, str)}


def _value(text: str) -> Any:
    """What a column's text is: JSON, where it is a list or an object, or itself."""
    with suppress(ValueError):
        if text[:1] in ("[", "{"):
            return json.loads(text)
    return text


def _search(home: Home, holds: Callable[[Path], bool]) -> tuple[int, list[str]]:
    found, searched = [], 0
    for path in _own_files(home):
        if path.name == "lock":
            continue
        searched += 1
        if holds(path):
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
