"""The journal's SQLite file: opened, migrated, and read or written in short transactions from any thread.

What is committed is on the disk (WAL, synchronous=FULL). Knows the tables' version and the full-text index,
and nothing of what the other tables mean. Every failure of SQLite leaves here as one of the journal's errors.
"""

from __future__ import annotations

import sqlite3
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session as OrmSession
from sqlalchemy.pool import QueuePool, StaticPool

from .errors import (
    DiskFull,
    DormouseError,
    HomeNotWritable,
    JournalBusy,
    JournalDamaged,
    JournalError,
    JournalTooNew,
)
from .tables import SCHEMA_VERSION

_BUSY_S = 5.0
_CONNECTIONS = 16
_MAX_QUERY_TERMS = 64
_MIGRATIONS = Path(__file__).parent / "migrations"


class SqliteStore:
    """One SQLite file. With `read_only` nothing is written, and a file that is not there yet reads as empty.

    Raises JournalDamaged, JournalTooNew, JournalBusy, JournalError, HomeNotWritable and DiskFull.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._immutable = False
        self._closed = False
        self._writing = (
            threading.Lock()
        )  # SQLite has one writer; waiting here is fair, polling the file is not
        with self._faults():
            self._engine = self._open()

    def close(self) -> None:
        """Close every connection, for good. Safe to call twice."""
        self._closed = True
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[OrmSession]:
        """One consistent view of the file."""
        self._refuse_closed()
        with self._faults(), OrmSession(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[OrmSession]:
        """One transaction: durable when the block has ended, undone if it raises."""
        self._refuse_closed()
        if self.read_only:
            raise JournalError(self.path, "it was opened for reading only")
        immediate = self._engine.execution_options(immediate=True)
        with (
            self._faults(),
            self._writing,
            OrmSession(immediate, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def match(
        self, session: OrmSession, text: str, k: int, exclude_session: str | None, untrusted: bool = False
    ) -> list[tuple[int, float]]:
        """(turn id, BM25 score) of the `k` user turns nearest to `text`, best first, newer where equal.

        `untrusted` has turns among them that were put in the user's mouth, by another assistant for one.
        """
        query = full_text_query(text)
        if not query or k < 1:
            return []
        found = session.execute(
            sa.text(
                "SELECT turns.id, -bm25(turns_text) AS score FROM turns_text "
                "JOIN turns ON turns.id = turns_text.rowid "
                "WHERE turns_text MATCH :query AND (turns.trusted OR (:untrusted AND turns.role = 'user')) "
                "AND turns.withdrawn_at IS NULL "
                "AND (:session IS NULL OR turns.session_id <> :session) "
                "ORDER BY score DESC, turns.id DESC LIMIT :k"
            ),
            {"query": query, "session": exclude_session, "k": k, "untrusted": untrusted},
        )
        return [(int(row[0]), float(row[1])) for row in found]

    def purge(self) -> None:
        """Rebuild the index and the file, and empty the WAL: nothing that was deleted or replaced stays.

        Raises JournalBusy while another process reads an older state of the file.
        """
        self._refuse_closed()
        with self._faults(), self._writing:
            connection = self._connect()
            try:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("INSERT INTO turns_text(turns_text) VALUES('rebuild')")
                connection.execute("INSERT INTO turns_text(turns_text) VALUES('optimize')")
                connection.execute("VACUUM")
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                connection.close()
            if busy:
                raise JournalBusy(self.path, _BUSY_S)

    def _refuse_closed(self) -> None:
        # The pool would quietly open the file again, which by now may be another process's.
        if self._closed:
            raise JournalError(self.path, "it is closed")

    def _open(self) -> sa.Engine:
        if self.read_only and not self.path.exists():
            return self._blank()
        if self.path.is_dir():
            raise JournalDamaged(self.path, "it is a folder, not a file")
        engine = self._file_engine()
        try:
            if self._is_current(engine):
                return engine
            if self.read_only:
                engine.dispose()
                return self._blank()
            with engine.execution_options(immediate=True).begin() as connection:
                self._migrate(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _file_engine(self) -> sa.Engine:
        engine = sa.create_engine(
            "sqlite://",
            creator=self._connect,
            poolclass=QueuePool,
            pool_size=_CONNECTIONS,
            max_overflow=-1,
        )
        _begin_explicitly(engine)
        return engine

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={'ro' if self.read_only else 'rwc'}"
        if not self.read_only:
            return _prepared(uri)
        if not self._immutable:
            try:
                return _prepared(uri)
            except sqlite3.OperationalError:
                # A read-only folder cannot hold the shared memory of a WAL; without a WAL none is needed.
                wal = self.path.with_name(self.path.name + "-wal")
                if wal.exists() and wal.stat().st_size:
                    raise
                self._immutable = True
        return _prepared(uri + "&immutable=1")

    def _blank(self) -> sa.Engine:
        """A journal with nothing in it, in memory, for looking at a home where nobody has spoken yet."""
        engine = sa.create_engine("sqlite://", creator=_memory, poolclass=StaticPool)
        _begin_explicitly(engine)
        with engine.begin() as connection:
            self._migrate(connection)
        return engine

    def _is_current(self, engine: sa.Engine) -> bool:
        """Whether the file's schema is this version's. False also for a file with nothing in it."""
        with engine.connect() as connection:
            version = self._version(connection)
        if version and version != SCHEMA_VERSION and self.read_only:
            self._refuse_unknown(version)
            raise JournalError(self.path, f"its schema {version} is to be migrated; open it for writing once")
        return version == SCHEMA_VERSION

    def _version(self, connection: sa.Connection) -> str | None:
        names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
        if "alembic_version" in names:
            version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            return str(version) if version else None
        if names:
            raise JournalDamaged(self.path, "it is an SQLite file of another program")
        return None

    def _refuse_unknown(self, version: str) -> None:
        from alembic.script import ScriptDirectory

        known = {script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}
        if version not in known:
            raise JournalTooNew(self.path, version, SCHEMA_VERSION)

    def _migrate(self, connection: sa.Connection) -> None:
        from alembic import command
        from alembic.config import Config

        version = self._version(connection)
        if version:
            self._refuse_unknown(version)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, SCHEMA_VERSION)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise journal_error(self.path, error.orig) from error
            raise
        except sqlite3.Error as error:
            raise journal_error(self.path, error) from error


def full_text_query(text: str) -> str:
    """An FTS5 query for any of the words of `text`; "" when it has none. No text is an operator in it."""
    # Words are cut here at what is surely no part of one; the rest, case and accents too, is left to the
    # tokenizer that cut the indexed text, so that both sides agree about every script.
    words = "".join(char if _may_be_in_a_word(char) else " " for char in text).split()
    return " OR ".join(f'"{word}"' for word in list(dict.fromkeys(words))[:_MAX_QUERY_TERMS])


def _may_be_in_a_word(char: str) -> bool:
    return (
        char.isalnum() or unicodedata.category(char)[0] == "M" or unicodedata.category(char) in ("Cn", "Co")
    )


def journal_error(path: Path, error: sqlite3.Error) -> DormouseError:
    """The error a user should see when SQLite failed on the journal at `path`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(path.parent)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return JournalBusy(path, _BUSY_S)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return JournalDamaged(path, str(error))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return HomeNotWritable(path.parent, str(error))
    if code == sqlite3.SQLITE_CANTOPEN:
        if path.parent.is_dir():
            return HomeNotWritable(path.parent, f"{path.name} cannot be opened or made")
        return JournalError(path, f"the folder {path.parent} is not there")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return JournalError(path, f"a record does not fit those already there ({error})")
    return JournalError(path, str(error) or type(error).__name__)


def _prepared(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        if "mode=ro" in uri:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        else:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _memory() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)


def _begin_explicitly(engine: sa.Engine) -> None:
    # sqlite3 would begin late (not before SELECT or DDL) and never for writing at once: a transaction that
    # reads and then writes could find the file changed in between.
    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
