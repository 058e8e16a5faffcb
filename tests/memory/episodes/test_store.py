"""The episodic store: what is found, what follows the journal, what stays apart, what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hashed_embedder import HashedEmbedder

from dormouse.memory.episodes.chroma import ChromaIndex
from dormouse.memory.episodes.journal_source import JournalSource
from dormouse.memory.episodes.records import Episode, Scope
from dormouse.memory.episodes.shelf import VERSION
from dormouse.memory.episodes.store import EpisodicStore, ScopedStore
from dormouse.memory.errors import BadInput, StoreError, StoreTooNew
from dormouse.memory.journal import Journal
from dormouse.memory.settings import StoreSettings

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
TALK = (
    "My boat is called Zorbal.",
    "The harbour was full of herring this morning.",
    "Where do you keep it?",
    "At the quay in Stromness.",
    "Annika became a vet.",
)


def talk(texts: Sequence[str] = TALK, first: int = 1, session: str = "s", speaker: str = "") -> list[Episode]:
    return [
        Episode(first + n, session, speaker, NOW + timedelta(minutes=n), text) for n, text in enumerate(texts)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EpisodicStore]:
    with EpisodicStore(tmp_path / "store", HashedEmbedder) as opened:
        yield opened


@pytest.fixture
def mine(store: EpisodicStore) -> ScopedStore:
    scoped = store.of(Scope("ada", "dormouse"))
    scoped.add(talk())
    scoped.catch_up()
    return scoped


def found(scoped: ScopedStore, text: str, k: int = 3) -> list[int]:
    return [hit.episode.id for hit in scoped.recall(text, k, now=NOW)]


def test_words_are_compared_by_their_stems_and_the_best_comes_first(mine: ScopedStore) -> None:
    hits = mine.recall("Which boats have I called something?", 2, now=NOW)
    assert hits[0].episode.text == "My boat is called Zorbal." and hits[0].by == "both"
    assert hits[0].score > hits[1].score


def test_an_answer_is_found_by_the_words_of_the_question_before_it(store: EpisodicStore) -> None:
    scoped = store.of(Scope())
    scoped.add(
        talk(["How was the moon?", "Where is the boat?", "At the quay.", "Nice.", "It rained on the moon."])
    )
    assert found(scoped, "boat", 2) == [2, 3]


def test_neighbours_are_of_one_session(store: EpisodicStore) -> None:
    scoped = store.of(Scope())
    scoped.add([*talk(["Where is the boat?"]), *talk(["At the quay."], first=2, session="other")])
    scoped.catch_up()
    hits = {hit.episode.id: hit for hit in scoped.recall("boat", 5, now=NOW)}
    assert hits[1].score > 0 == hits[2].score, "it is the farthest by meaning, and of another session"


def test_whom_the_question_names_comes_first(store: EpisodicStore) -> None:
    scoped = store.of(Scope())
    scoped.add(
        [*talk(["I like rice."], speaker="Bo"), *talk(["I like rice."], first=2, session="t", speaker="Cleo")]
    )
    scoped.catch_up()
    assert found(scoped, "What food does Bo like?") == [1, 2]
    assert found(scoped, "What food does Cleo like?") == [2, 1]


@pytest.mark.parametrize(
    "asked, first", [("What did I eat yesterday?", 1), ("What did I eat three days ago?", 2)]
)
def test_the_time_that_is_named_counts(store: EpisodicStore, asked: str, first: int) -> None:
    scoped = store.of(Scope())
    days = (timedelta(days=1), timedelta(days=3), timedelta(days=9))
    scoped.add([Episode(n + 1, f"s{n}", "", NOW - ago, "I ate rice.") for n, ago in enumerate(days)])
    scoped.catch_up()
    assert found(scoped, asked)[0] == first


def test_a_day_can_be_asked_for_by_its_date(store: EpisodicStore) -> None:
    scoped = store.of(Scope())
    scoped.add([Episode(n, f"s{n}", "", datetime(2026, n, 8, tzinfo=UTC), "I ate rice.") for n in (3, 4, 5)])
    assert found(scoped, "What did I eat on 8 April 2026?")[0] == 4


@pytest.mark.parametrize(
    "text", ["", "   ", '"', "a OR AND NOT", "quay*", "(", "text:quay", "\x00", "\ud800", "東京" * 50]
)
def test_no_question_is_refused(mine: ScopedStore, text: str) -> None:
    mine.recall(text, 3)


def test_one_scope_never_sees_another(store: EpisodicStore) -> None:
    ada, bo = store.of(Scope("ada", "dormouse")), store.of(Scope("bo", "dormouse"))
    other = store.of(Scope("ada", "otter"))
    ada.add(talk(["My secret is Zorbal."]))
    bo.add(talk(["I like rice."]))
    for scoped in (ada, bo, other):
        scoped.catch_up()
    assert found(ada, "secret Zorbal") == [1]
    assert [hit.episode.text for hit in bo.recall("My secret is Zorbal.", 9)] == ["I like rice."]
    assert other.recall("My secret is Zorbal.", 9) == []
    assert len({scoped.folder for scoped in (ada, bo, other)}) == 3


def test_a_scope_refuses_the_file_of_another(store: EpisodicStore, tmp_path: Path) -> None:
    ada = store.of(Scope("ada"))
    ada.add(talk())
    ada.close()
    moved = tmp_path / "store" / Scope("bo").key
    ada.folder.rename(moved)
    with pytest.raises(StoreError, match="belongs to the user 'ada'"):
        store.of(Scope("bo"))


@pytest.mark.parametrize("user", ["", "a\nb", "x" * 201])
def test_a_scope_has_a_printable_name(user: str) -> None:
    with pytest.raises(BadInput, match="scope's user"):
        Scope(user)


def test_what_looks_alike_is_another_scope() -> None:
    pairs = [("a", "b"), ("a b", "c"), ("a", "b c"), ('a", "b', "c"), ("../a", "b"), ("A", "b")]
    assert len({Scope(user, agent).key for user, agent in pairs}) == len(pairs)


def test_the_journal_is_followed_and_a_lost_index_made_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        session = journal.open_session().id
        told = [journal.add_turn(session, "user", text).id for text in TALK]
        journal.add_turn(session, "assistant", "A boat called Zorbal?")
        source = JournalSource(journal)
        with EpisodicStore(tmp_path / "store", HashedEmbedder) as store:
            scoped = store.of(Scope(), source)
            assert found(scoped, "Zorbal")[0] == told[0]  # by its words, before it has a vector
            scoped.catch_up()
            assert (scoped.state().episodes, scoped.state().pending) == (5, 0)
            later = journal.add_turn(session, "user", "The cat is Zorbal's friend.").id
            assert later in found(scoped, "Zorbal's cat")
        folder = tmp_path / "store" / Scope().key
        (folder / "index.db").write_bytes(b"no database at all, as after a bad disk" * 200)
        with EpisodicStore(tmp_path / "store", HashedEmbedder) as store:
            scoped = store.of(Scope(), source)
            scoped.catch_up()
            assert scoped.state().episodes == 6 and found(scoped, "Zorbal's cat")[0] == later


def test_what_the_journal_forgot_meanwhile_is_forgotten(tmp_path: Path) -> None:
    class Some:
        def __init__(self, kept: list[Episode]) -> None:
            self.kept = kept

        def after(self, id: int, limit: int) -> list[Episode]:
            return [episode for episode in self.kept if episode.id > id][:limit]

        def count(self, upto: int) -> int:
            return len(self.ids(upto))

        def ids(self, upto: int) -> list[int]:
            return [episode.id for episode in self.kept if episode.id <= upto]

    for kept in (talk(), talk()[1:], talk()):
        with EpisodicStore(tmp_path / "store", HashedEmbedder) as store:
            scoped = store.of(Scope(), Some(kept))
            assert (1 in found(scoped, "Zorbal")) == (kept[0].id == 1)
            assert scoped.state().episodes == len(kept)


def test_other_vectors_are_made_when_the_embedder_changes(tmp_path: Path) -> None:
    made = []
    for embedder in (HashedEmbedder(64), HashedEmbedder(32, "smaller"), HashedEmbedder(32, "smaller")):
        with EpisodicStore(tmp_path / "store", partial(_same, embedder)) as store:
            scoped = store.of(Scope())
            scoped.add(talk())
            scoped.catch_up()
            made.append(embedder.calls)
            assert found(scoped, "a boat called Zorbal")[0] == 1
    assert made == [5, 5, 0]


def _same(embedder: HashedEmbedder) -> HashedEmbedder:
    return embedder


def test_a_newer_file_is_refused_and_left_alone(store: EpisodicStore, mine: ScopedStore) -> None:
    import sqlite3

    path = mine.folder / "index.db"
    mine.close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(StoreTooNew, match="upgrade"), EpisodicStore(store.root, HashedEmbedder) as again:
        again.of(mine.scope)
    assert path.exists()


@pytest.mark.parametrize("vectors", ["scan", "codes", "chroma"])
def test_forgotten_is_gone_from_every_byte(tmp_path: Path, vectors: str) -> None:
    settings = StoreSettings.model_validate({"vectors": vectors})
    texts = [f"Filler number {n} about harbours and herring." for n in range(60)]
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        scoped = store.of(Scope())
        scoped.add(talk([*texts, "My secret is Quixzorbal.", *texts]))
        scoped.catch_up()
        (vector,) = scoped._shelf.vectors_of([61]).values()
        whole = vector.astype(np.float32).tobytes()
        half = vector.astype(np.float16).tobytes()
        assert found(scoped, "Quixzorbal")[0] == 61
        assert holds(scoped.folder, b"uixzorbal") and holds(scoped.folder, half)
        assert scoped.forget([61, 9999]) == 1
        assert 61 not in found(scoped, "Quixzorbal", 9)
        scoped.catch_up()
        for _ in range(2):
            for bytes_ in (b"uixzorbal", half, whole):
                assert not holds(scoped.folder, bytes_)
            scoped.close()
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        assert found(store.of(Scope()), "harbours", 500) and store.of(Scope()).state().episodes == 120


def holds(folder: Path, wanted: bytes) -> bool:
    return any(wanted in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("vectors", ["auto", "codes", "chroma"])
def test_an_index_that_was_lost_or_fell_behind_is_made_again(tmp_path: Path, vectors: str) -> None:
    settings = StoreSettings.model_validate({"vectors": vectors, "exact_below": 10, "codes_from": 10_000})
    texts = [f"Number {n} of many: {n * 7919 % 1000}." for n in range(300)]
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        scoped = store.of(Scope())
        scoped.add(talk(texts))
        scoped.catch_up()
        assert scoped.state().in_index == 300
        folder = scoped.folder
    import shutil

    shutil.rmtree(folder / "chroma", ignore_errors=True)
    (folder / "codes.bin").unlink(missing_ok=True)
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        scoped = store.of(Scope())
        assert found(scoped, texts[123])[0] == 124  # scanned, since no index is open yet
        scoped.catch_up()
        state = scoped.state()
        assert state.in_index == 300 and "made anew" in state.warnings[0]
        assert found(scoped, texts[123])[0] == 124


@pytest.mark.parametrize(
    ("damaged", "how", "scanned"),
    [
        ("chroma.sqlite3", "recall", 50),  # so many that the index is opened at once
        ("chroma.sqlite3", "reindex", 50),
        ("chroma.sqlite3", "compact", 20_000),
        ("*/*.bin", "recall", 20_000),
        ("*/*.bin", "compact", 50),
    ],
)
def test_a_damaged_chroma_folder_is_made_again_with_a_warning(
    tmp_path: Path, damaged: str, how: str, scanned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dormouse.memory.episodes.meaning._SCANNED_MEANWHILE", scanned)
    settings = StoreSettings.model_validate({"vectors": "chroma"})
    texts = [f"Number {n} of many: {n * 7919 % 1000}." for n in range(1200)]
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        scoped = store.of(Scope())
        scoped.take_in(talk(texts))
        scoped.catch_up()
        assert found(scoped, texts[123])[0] == 124
        folder = scoped.folder / "chroma"
    paths = list(folder.glob(damaged))
    assert paths
    for path in paths:
        path.write_bytes(b"no index" * (path.stat().st_size // 8))
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        scoped = store.of(Scope())
        if how == "recall":
            scoped.catch_up()
            assert found(scoped, texts[123])[0] == 124
            scoped.catch_up()
            assert "damaged" in " ".join(scoped.state().warnings)
        else:
            getattr(scoped, how)()
        assert found(scoped, texts[321])[0] == 322
        assert scoped.state().in_index == 1200


def test_an_index_that_fails_at_a_question_is_made_again_and_the_question_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = StoreSettings.model_validate({"vectors": "chroma"})
    texts = [f"Number {n} of many: {n * 7919 % 1000}." for n in range(300)]
    with EpisodicStore(tmp_path / "store", HashedEmbedder, settings) as store:
        scoped = store.of(Scope())
        scoped.take_in(talk(texts))
        scoped.catch_up()

        def fails(**given: object) -> None:
            raise RuntimeError("Error loading hnsw index")

        broken = scoped._meaning._far
        assert isinstance(broken, ChromaIndex)
        monkeypatch.setattr(broken._collection, "query", fails)
        assert found(scoped, texts[123])[0] == 124
        scoped.catch_up()
        state = scoped.state()
        assert state.in_index == 300 and "Error loading hnsw index" in state.warnings[0]
        assert found(scoped, texts[7])[0] == 8


def test_questions_from_many_threads_while_it_is_added_to(store: EpisodicStore) -> None:
    scoped = store.of(Scope())

    def ask() -> None:
        for _ in range(20):
            scoped.recall("Where is the boat called Zorbal?", 5)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for first in range(1, 200, 5):
            scoped.add(talk(first=first))
        for one in asking:
            one.result()
    scoped.catch_up()
    assert scoped.state().pending == 0 and scoped.state().episodes == 200


def test_common_words_do_not_make_a_large_store_slow(
    monkeypatch: pytest.MonkeyPatch, mine: ScopedStore
) -> None:
    from dormouse.memory.episodes import words

    monkeypatch.setattr(words, "_LARGE", 1)
    monkeypatch.setattr(words, "_MOST_ROWS", 2)
    mine.add(talk(["A boat.", "A boat.", "A boat and Zorbal again."], first=10))
    with mine._shelf.reading() as db:
        assert words.Frequencies().affordable(db, ["boat", "zorbal", "nowhere"], 99) == '"zorbal"'


def test_an_older_file_is_made_anew_from_the_journal(tmp_path: Path) -> None:
    import sqlite3

    with Journal(tmp_path / "journal.db") as journal:
        journal.add_turn(journal.open_session().id, "user", "My boat is called Zorbal.")
        path = tmp_path / "store" / Scope().key / "index.db"
        path.parent.mkdir(parents=True)
        with sqlite3.connect(path) as db:
            db.executescript(
                "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT); PRAGMA user_version = 1;"
            )
        db.close()
        with EpisodicStore(tmp_path / "store", HashedEmbedder) as store:
            scoped = store.of(Scope(), JournalSource(journal))
            assert len(scoped.recall("Zorbal", 3)) == 1


def test_whom_nobody_heard_of_is_forgotten_by_name_too(store: EpisodicStore) -> None:
    scoped = store.of(Scope())
    scoped.add([*talk(["I like rice."], speaker="Quixzorbal"), *talk(["I do not."], first=2, speaker="Cleo")])
    scoped.catch_up()
    assert holds(scoped.folder, b"Quixzorbal")
    assert scoped.forget([1]) == 1 and scoped.state().episodes == 1
    assert not holds(scoped.folder, b"Quixzorbal")


def test_an_addition_that_fails_leaves_no_trace_in_the_counts(mine: ScopedStore) -> None:
    assert mine.state().episodes == 5
    with pytest.raises(ValueError, match=r"dimension|shape|zip|argument"):
        mine.take_in(talk(["A boat."], first=50), np.zeros((3, 64), np.float32))
    assert mine.state().episodes == 5 and found(mine, "boat", 9)[-1] != 50
