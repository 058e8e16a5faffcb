"""One scope's SQLite file: its episodes, their words (FTS5, Porter) and their vectors.

Promise: it is opened by a scope's own path and holds nothing of another; a commit survives a kill, and what
a power
cut takes is made again from the journal. What is deleted is overwritten. Knows nothing of ranking or of
Chroma.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..durable import storage_faults
from ..errors import StoreError, StoreTooNew
from .ranking import Place
from .records import Episode, Scope
from .vectors import Floats

VERSION = 2  # 2: the speakers have a table of their own
_BUSY_S = 5.0
_IN = 500  # ids named in one statement
_CACHE_KIB = 16384  # pages of a file kept in memory, at most: SQLite keeps 2 MiB by itself
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE speakers (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY, before INTEGER, session TEXT NOT NULL, speaker TEXT NOT NULL, at REAL NOT NULL,
    text TEXT NOT NULL, day TEXT NOT NULL, vector BLOB
);
CREATE INDEX episodes_by_session ON episodes (session, id);
CREATE INDEX episodes_by_before ON episodes (before) WHERE before IS NOT NULL;
CREATE INDEX episodes_pending ON episodes (id) WHERE vector IS NULL;
CREATE VIRTUAL TABLE words USING fts5(
    text, day, content='episodes', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER words_insert AFTER INSERT ON episodes BEGIN
    INSERT INTO words(rowid, text, day) VALUES (new.id, new.text, new.day); END;
CREATE TRIGGER words_delete AFTER DELETE ON episodes BEGIN
    INSERT INTO words(words, rowid, text, day) VALUES ('delete', old.id, old.text, old.day); END;
"""
_COLUMNS = "id, session, speaker, at, text"


class Shelf:
    """The file at `path`, made if it is not there. `embedder` and `dimensions` say whose vectors it holds.

    Vectors of another embedder are dropped as it is opened, to be made again; so is a file of an older
    version or one that SQLite finds damaged. Raises StoreError, StoreTooNew, DiskFull, HomeNotWritable.
    """

    def __init__(self, path: Path, scope: Scope, embedder: str, dimensions: int) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._dimensions = dimensions
        self._count: int | None = None  # both are asked for with every question, and take a second to look up
        self._speakers: list[str] | None = None  # among a million episodes
        with storage_faults(path.parent):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._db = self._opened()
        except sqlite3.DatabaseError as cause:
            if path.is_dir():
                raise StoreError(path, str(cause)) from cause
            for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                path.with_name(name).unlink(missing_ok=True)
            with self._faults():
                self._db = self._opened()
        with self.writing():
            self._settle(scope, embedder)

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL").fetchone()
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA secure_delete = ON").fetchone()
            db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                raise StoreTooNew(self.path, version, VERSION)
            if version < VERSION:
                db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
        except BaseException:
            db.close()
            raise
        return db

    def _settle(self, scope: Scope, embedder: str) -> None:
        told = {"user": scope.user, "agent": scope.agent}
        for name, value in told.items():
            if self.meta(name) not in (None, value):
                raise StoreError(self.path, f"it belongs to the {name} {self.meta(name)!r}, not to {value!r}")
            self.set_meta(name, value)
        if self.meta("embedder") != embedder:
            self._db.execute("UPDATE episodes SET vector = NULL WHERE vector IS NOT NULL")
            self.set_meta("embedder", embedder)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction: whole, or undone if the block raises."""
        with self._lock, self._faults():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                self._count = self._speakers = None
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, alone."""
        with self._lock, self._faults():
            yield self._db

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as cause:
            raise StoreError(self.path, str(cause)) from cause

    def meta(self, name: str) -> str | None:
        """A note kept in the file."""
        with self.reading() as db:
            row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Keep a note. Inside `writing`."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def add(self, episodes: Sequence[Episode]) -> None:
        """Keep episodes; one whose id is there already is left as it is. Inside `writing`."""
        names = {episode.speaker for episode in episodes} - set(self.speakers()) - {""}
        if names:
            self._db.executemany("INSERT OR IGNORE INTO speakers VALUES (?)", [(name,) for name in names])
            self._speakers = None
        last: dict[str, int | None] = {}
        for episode in episodes:
            session = episode.session
            if session not in last:
                found = self._db.execute(
                    "SELECT max(id) FROM episodes WHERE session = ? AND id < ?", (session, episode.id)
                ).fetchone()
                last[session] = found[0]
            at, day = (
                episode.at.timestamp(),
                f"{episode.at:%A %-d %B %Y}",
            )  # its day can be asked for in words
            row = (episode.id, last[session], session, episode.speaker, at, episode.text, day)
            put = self._db.execute("INSERT OR IGNORE INTO episodes VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", row)
            if self._count is not None:
                self._count += put.rowcount
            last[session] = episode.id

    def pending(self, limit: int) -> list[Episode]:
        """Episodes without a vector, the oldest first."""
        with self.reading() as db:
            return _episodes(
                db.execute(
                    f"SELECT {_COLUMNS} FROM episodes WHERE vector IS NULL ORDER BY id LIMIT ?", (limit,)
                )
            )

    def put_vectors(self, ids: Sequence[int], vectors: Floats) -> None:
        """Keep the vectors of episodes; of one deleted meanwhile, nothing. Inside `writing`."""
        rows = [(vector.astype(np.float16).tobytes(), id) for id, vector in zip(ids, vectors, strict=True)]
        self._db.executemany("UPDATE episodes SET vector = ? WHERE id = ?", rows)

    def vectors(self, after: int, limit: int) -> tuple[list[int], Floats]:
        """Vectors of the episodes with greater ids than `after`, in order of their ids."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT id, vector FROM episodes WHERE id > ? AND vector IS NOT NULL ORDER BY id LIMIT ?",
                (after, limit),
            ).fetchall()
        return [int(row[0]) for row in rows], self._unpacked([row[1] for row in rows])

    def settled_vectors(self, after: int, limit: int) -> tuple[list[int], Floats]:
        """As `vectors`, but none that comes after an episode whose vector is still to be made."""
        with self.reading() as db:
            row = db.execute("SELECT min(id) FROM episodes WHERE vector IS NULL").fetchone()
        ids, found = self.vectors(after, limit)
        kept = len(ids) if row[0] is None else sum(id < row[0] for id in ids)
        return ids[:kept], found[:kept]

    def count_vectors(self, upto: int) -> int:
        """How many episodes up to that id have a vector."""
        with self.reading() as db:
            asked = "SELECT count(*) FROM episodes WHERE id <= ? AND vector IS NOT NULL"
            return int(db.execute(asked, (upto,)).fetchone()[0]) if upto else 0

    def vectors_of(self, ids: Sequence[int]) -> dict[int, Floats]:
        """The vectors of these episodes, where they have one."""
        with self.reading() as db:
            rows = [
                row
                for part in _parts(ids)
                for row in db.execute(
                    f"SELECT id, vector FROM episodes WHERE id IN ({_marks(part)}) AND vector IS NOT NULL",
                    part,
                )
            ]
        return dict(zip([int(row[0]) for row in rows], self._unpacked([row[1] for row in rows]), strict=True))

    def _unpacked(self, blobs: Sequence[bytes]) -> Floats:
        packed = np.frombuffer(b"".join(blobs), np.float16)
        return packed.reshape(len(blobs), self._dimensions).astype(np.float32)

    def match(self, query: str, k: int) -> dict[int, float]:
        """BM25 scores of the `k` best matches of an FTS5 query, by id; newer first where equal."""
        if not query:
            return {}
        with self.reading() as db:
            rows = db.execute(
                "SELECT rowid, -bm25(words) AS score FROM words WHERE words MATCH ? "
                "ORDER BY score DESC, rowid DESC LIMIT ?",
                (query, k),
            ).fetchall()
        return {int(row[0]): float(row[1]) for row in rows}

    def places(self, ids: Sequence[int]) -> dict[int, Place]:
        """Where each stands in its session, and of those just before and just after them too."""
        found: dict[int, Place] = {}
        with self.reading() as db:
            for part in _parts(ids):
                for column in ("id", "before"):
                    found.update(_placed(db, column, part))
            missing = [place.before for place in found.values() if place.before is not None]
            for part in _parts([id for id in missing if id not in found]):
                found.update(_placed(db, "id", part))
        return found

    def episodes(self, ids: Sequence[int]) -> dict[int, Episode]:
        """These episodes, by id, where they are there."""
        with self.reading() as db:
            return {
                episode.id: episode
                for part in _parts(ids)
                for episode in _episodes(
                    db.execute(f"SELECT {_COLUMNS} FROM episodes WHERE id IN ({_marks(part)})", part)
                )
            }

    def speakers(self) -> list[str]:
        """Everybody who spoke."""
        with self.reading() as db:
            if self._speakers is None:
                self._speakers = [str(row[0]) for row in db.execute("SELECT name FROM speakers")]
            return self._speakers

    def ids(self) -> list[int]:
        """Every episode's id, in order."""
        with self.reading() as db:
            return [int(row[0]) for row in db.execute("SELECT id FROM episodes ORDER BY id")]

    def count(self) -> int:
        """How many episodes."""
        with self.reading() as db:
            if self._count is None:
                self._count = int(db.execute("SELECT count(*) FROM episodes").fetchone()[0])
            return self._count

    def count_pending(self) -> int:
        """How many episodes lack a vector."""
        with self.reading() as db:
            return int(db.execute("SELECT count(*) FROM episodes WHERE vector IS NULL").fetchone()[0])

    def remove(self, ids: Iterable[int]) -> int:
        """Delete episodes, words and vectors; how many there were. Inside `writing`; call `compact` after
        it.
        """
        gone = 0
        for part in _parts(list(ids)):
            for id in part:
                row = self._db.execute("SELECT before FROM episodes WHERE id = ?", (id,)).fetchone()
                if row is not None:
                    self._db.execute("UPDATE episodes SET before = ? WHERE before = ?", (row[0], id))
                    gone += self._db.execute("DELETE FROM episodes WHERE id = ?", (id,)).rowcount
        self._count = self._speakers = None
        self._db.execute("DELETE FROM speakers WHERE name NOT IN (SELECT speaker FROM episodes)")
        return gone

    def clear(self) -> None:
        """Delete every episode. Inside `writing`."""
        self._db.execute("DELETE FROM episodes")
        self._db.execute("DELETE FROM speakers")
        self._count = self._speakers = None

    def drop_vectors(self) -> None:
        """Delete every vector, so that all are made again. Inside `writing`."""
        self._db.execute("UPDATE episodes SET vector = NULL")

    def copy_to(self, path: Path) -> None:
        """Write the file, whole and consistent, to `path`."""
        with self._lock, self._faults(), closing(sqlite3.connect(path)) as target:
            self._db.backup(target)

    def compact(self) -> None:
        """Merge the words' segments, give back free pages and empty the log: nothing deleted is left in
        them.
        """
        with self._lock, self._faults():
            self._db.execute("INSERT INTO words(words) VALUES ('optimize')")
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            self._db.close()


def _episodes(rows: Iterable[tuple[int, str, str, float, str]]) -> list[Episode]:
    return [
        Episode(int(id), session, speaker, datetime.fromtimestamp(at, UTC), text)
        for id, session, speaker, at, text in rows
    ]


def _placed(db: sqlite3.Connection, column: str, ids: Sequence[int]) -> dict[int, Place]:
    asked = f"SELECT id, before, speaker, at FROM episodes WHERE {column} IN ({_marks(ids)})"
    return {id: Place(before, speaker, at) for id, before, speaker, at in db.execute(asked, ids)}


def _parts(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _IN):
        yield [int(id) for id in ids[start : start + _IN]]


def _marks(ids: Sequence[int]) -> str:
    return ",".join("?" * len(ids))
