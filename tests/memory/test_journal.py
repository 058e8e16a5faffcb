"""The SQLite journal: durable under kill -9, migrated, and every failure of the file a sentence."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dormouse.memory import migrations, sqlite_store
from dormouse.memory.errors import (
    DiskFull,
    DormouseError,
    HomeNotWritable,
    JournalBusy,
    JournalDamaged,
    JournalError,
    JournalTooNew,
)
from dormouse.memory.journal import Journal
from dormouse.memory.tables import SCHEMA_VERSION, Base


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal(path) as journal:
        journal.open_session("s1")
        yield journal


def _spawn(code: str, *args: object) -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def _run(code: str, *args: object) -> str:
    with _spawn(code, *args) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


# Durability

WRITE_FOREVER = """
import sys
from pathlib import Path
from dormouse.memory.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.open_session("s1")
while True:
    turn = journal.add_turn("s1", "user", "the dog is called Zorbal")
    print(turn.id, flush=True)
"""


@pytest.mark.parametrize("turns_before_kill", [1, 17, 60])
def test_no_turn_that_was_acknowledged_is_lost_to_kill_9(path: Path, turns_before_kill: int) -> None:
    with _spawn(WRITE_FOREVER, path) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(turns_before_kill)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    acknowledged = [int(line) for line in lines if line.endswith("\n")]
    assert len(acknowledged) >= turns_before_kill
    with Journal(path) as journal:
        kept = [turn.id for turn in journal.turns("s1")]
        assert kept[: len(acknowledged)] == acknowledged
        assert len(kept) <= len(acknowledged) + 1  # one may have been on its way
        assert len(journal.search("Zorbal", 1000)) == len(kept)
        _check_index(path)


def test_a_commit_is_synced_to_the_disk_not_only_written(journal: Journal) -> None:
    with journal._store._engine.connect() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_turn_costs_few_milliseconds_beside_the_disks_own(journal: Journal) -> None:
    spent = []
    for i in range(40):
        start = time.thread_time()  # of this thread alone, so that a busy machine changes nothing
        journal.add_turn("s1", "user", f"turn {i}")
        spent.append(time.thread_time() - start)
    assert sorted(spent)[len(spent) // 2] < 0.005


# The index


def _check_index(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO turns_text(turns_text, rank) VALUES('integrity-check', 1)")
    connection.close()


def test_the_index_stays_in_step_with_every_kind_of_change(journal: Journal, path: Path) -> None:
    for i in range(5):
        journal.add_turn("s1", "user", f"dog {i}", state="pending")
        journal.add_turn("s1", "assistant", f"cat {i}")
    journal.update_turn(1, content="horse")
    journal.update_turn(3, state="complete")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE turns SET role = 'tool' WHERE id = 5")
    connection.execute("UPDATE turns SET role = 'user', content = 'mouse' WHERE id = 6")
    connection.execute("DELETE FROM turns WHERE id IN (7, 8)")
    connection.commit()
    connection.close()
    _check_index(path)
    assert {turn.id for turn, _ in journal.search("dog cat horse mouse", 99)} == {1, 3, 6, 9}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_any_text_is_a_query_that_finds_itself_or_nothing(journal: Journal, text: str) -> None:
    turn = journal.add_turn("s1", "user", text)
    found = journal.search(text, 10_000)
    if text.isascii():
        assert (turn.id in {match.id for match, _ in found}) == any(char.isalnum() for char in text)


# Opening


def test_the_schema_version_is_that_of_the_newest_migration() -> None:
    assert migrations.__file__ is not None
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [SCHEMA_VERSION]


def test_the_migrations_make_the_tables_the_models_describe(journal: Journal) -> None:
    def ours(object: object, name: str | None, type_: str, reflected: bool, compare_to: object) -> bool:
        return not (type_ == "table" and str(name).startswith("turns_text"))

    with journal._store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        checks = {
            table: {check["name"] for check in sa.inspect(connection).get_check_constraints(table)}
            for table in ("turns", "memories", "nights")
        }
    assert checks == {
        "turns": {"turn_role", "turn_state"},
        "memories": {"memory_state"},
        "nights": {"night_state"},
    }


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    def fail(*args: object, **options: object) -> None:
        raise OSError("pulled the plug")

    with monkeypatch.context() as broken:
        broken.setattr(op, "create_index", fail)
        with pytest.raises(OSError, match="plug"):
            Journal(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()
    with Journal(path) as journal:
        assert journal.sessions() == []


def _set_version(path: Path, version: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_journal_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    Journal(path).close()
    _set_version(path, "9999")
    before = path.read_bytes()
    with pytest.raises(JournalTooNew, match=f"schema 9999 is newer than {SCHEMA_VERSION}"):
        Journal(path, read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_another_programs_file_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(JournalDamaged, match="another program"):
        Journal(path, read_only=read_only)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]
    connection.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_no_database_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    path.write_bytes(b"once upon a time " * 500)
    before = path.read_bytes()
    with pytest.raises(JournalDamaged, match="not a database"):
        Journal(path, read_only=read_only)
    assert path.read_bytes() == before


def test_a_torn_file_is_called_damaged(path: Path) -> None:
    with Journal(path) as journal:
        journal.open_session("s1")
        for _ in range(50):
            journal.add_turn("s1", "user", "word " * 200)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 3)
    with pytest.raises(JournalDamaged, match="malformed"), Journal(path) as journal:
        journal.turns("s1")


def test_a_folder_in_its_place_or_no_folder_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalDamaged, match="it is a folder"):
        Journal(tmp_path)
    with pytest.raises(JournalError, match="is not there"):
        Journal(tmp_path / "nowhere" / "journal.db")


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    with Journal(path, read_only=True) as looker:
        assert looker.sessions() == []
    assert path.stat().st_size == 0
    with Journal(path) as journal:
        assert journal.open_session("s1").id == "s1"


# Reading only


def test_a_reader_sees_what_the_owner_writes_and_writes_nothing(journal: Journal, path: Path) -> None:
    with Journal(path, read_only=True) as looker:
        turn = journal.add_turn("s1", "user", "hello")
        assert looker.turns("s1") == [turn]
        with pytest.raises(JournalError, match="reading only"):
            looker.add_turn("s1", "user", "hi")
        with pytest.raises(sa.exc.OperationalError), looker._store._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM turns")
    assert journal.turns("s1") == [turn]


def test_a_reader_leaves_pending_turns_to_their_owner(journal: Journal, path: Path) -> None:
    turn = journal.add_turn("s1", "assistant", "In Rey", state="pending")
    Journal(path, read_only=True).close()
    assert journal.turn(turn.id).state == "pending"


def test_a_journal_that_is_not_there_reads_as_empty_and_is_not_made(path: Path) -> None:
    with Journal(path, read_only=True) as looker:
        assert not (looker.sessions() or looker.memories() or looker.nights() or looker.unharvested())
        assert looker.search("dog", 3) == [] and looker.running_night() is None
    assert list(path.parent.iterdir()) == []


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from dormouse.memory.journal import Journal
path = Path(sys.argv[1])
os.chmod(path.parent, 0o555)
if os.getuid() == 0:
    os.chmod(path, 0o444)
    os.setuid(65534)
try:
    with Journal(path, read_only=True) as journal:
        print([turn.content for turn in journal.turns("s1")])
    try:
        Journal(path)
    except Exception as error:
        print(type(error).__name__, error)
finally:
    if os.getuid() != 65534:
        os.chmod(path.parent, 0o755)
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder any user can reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_folder_can_be_read_and_not_written(public_folder: Path) -> None:
    path = public_folder / "journal.db"
    with Journal(path) as journal:
        journal.open_session("s1")
        journal.add_turn("s1", "user", "hello")
    read, refused = _run(READ_AS_NOBODY, path).splitlines()
    assert read == "['hello']"
    assert refused.startswith("HomeNotWritable The home folder") and "not writable" in refused


# Failures of the disk


def test_a_full_disk_is_a_sentence_and_costs_only_the_turn_refused(journal: Journal, path: Path) -> None:
    kept = [journal.add_turn("s1", "user", "before")]
    with journal._store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="the disk is full, nothing already kept was lost"):
        journal.add_turn("s1", "user", "x" * 100_000)
    assert journal.turns("s1") == kept
    with journal._store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    kept.append(journal.add_turn("s1", "user", "after"))
    assert journal.turns("s1") == kept


FILL_UP = """
import resource, sys
from pathlib import Path
from dormouse.memory.errors import DormouseError
from dormouse.memory.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.open_session("s1")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
kept = []
try:
    while True:
        kept.append(journal.add_turn("s1", "user", "word " * 100))
except DormouseError as error:
    print(error)
assert journal.turns("s1") == kept
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
kept.append(journal.add_turn("s1", "user", "after"))
assert journal.turns("s1") == kept
journal.close()
with Journal(Path(sys.argv[1])) as journal:
    assert journal.turns("s1") == kept
print(len(kept))
"""


def test_a_file_that_may_not_grow_is_a_sentence_and_costs_only_the_turn_refused(path: Path) -> None:
    sentence, kept = _run(FILL_UP, path).splitlines()
    assert sentence.startswith("The ") and sentence.endswith(".")
    assert int(kept) > 5


def test_waiting_too_long_for_another_writer_is_said(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with journal._store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalBusy, match="another process has been writing"):
        journal.add_turn("s1", "user", "hello")
    other.execute("ROLLBACK")
    other.close()
    assert journal.add_turn("s1", "user", "hello").id == 1


def test_two_writers_wait_for_each_other(journal: Journal, path: Path) -> None:
    failures: list[BaseException] = []

    def write(other: Journal) -> None:
        try:
            for i in range(30):
                turn = other.add_turn("s1", "user", f"turn {i}")  # reads the session, then writes
                other.update_turn(turn.id, tokens=i)
        except DormouseError as error:
            failures.append(error)

    with Journal(path) as second:
        threads = [threading.Thread(target=write, args=(writer,)) for writer in (journal, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(journal.turns("s1")) == 60


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, DiskFull),
        (sqlite3.SQLITE_READONLY | 8 << 8, HomeNotWritable),
        (sqlite3.SQLITE_IOERR | 3 << 8, JournalError),
        (sqlite3.SQLITE_CORRUPT, JournalDamaged),
        (sqlite3.SQLITE_NOTADB, JournalDamaged),
        (sqlite3.SQLITE_BUSY | 2 << 8, JournalBusy),
        (sqlite3.SQLITE_CANTOPEN, HomeNotWritable),
    ],
)
def test_each_failure_of_sqlite_has_its_own_error(path: Path, code: int, kind: type[DormouseError]) -> None:
    failure = sqlite3.OperationalError("it went wrong")
    failure.sqlite_errorcode = code
    error = sqlite_store.journal_error(path, failure)
    assert type(error) is kind
    assert str(error).endswith(".") and "\n" not in str(error)
