"""The LangGraph store: what is put is kept, found by filter, namespace and meaning, expires, and stays in
its scope.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder
from langgraph.store.base import GetOp, MatchCondition, PutOp, SearchOp

from dormouse.graphs import items
from dormouse.graphs.item_filters import fits
from dormouse.graphs.items import DormouseStore
from dormouse.memory.episodes.records import Scope
from dormouse.memory.errors import StoreError, StoreTooNew


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DormouseStore]:
    with DormouseStore(tmp_path, embedder=HashedEmbedder()) as opened:
        yield opened


def test_what_is_put_is_there_after_opening_again(tmp_path: Path) -> None:
    with DormouseStore(tmp_path) as store:
        store.put(("users", "ada"), "boat", {"name": "Zorbal", "metres": 7})
        first = store.get(("users", "ada"), "boat")
        store.put(("users", "ada"), "boat", {"name": "Zorbal", "metres": 8})
    with DormouseStore(tmp_path) as store:
        again = store.get(("users", "ada"), "boat")
        assert first is not None and again is not None and again.value["metres"] == 8
        assert again.created_at == first.created_at and again.updated_at >= first.updated_at
        store.delete(("users", "ada"), "boat")
        assert store.get(("users", "ada"), "boat") is None and store.search(()) == []


def test_a_batch_reads_what_was_there_before_it(store: DormouseStore) -> None:
    results = store.batch([PutOp(("a",), "k", {"n": 1}), GetOp(("a",), "k"), SearchOp(("a",))])
    assert results == [None, None, []]
    assert store.get(("a",), "k") is not None


def test_a_prefix_is_of_whole_names(store: DormouseStore) -> None:
    for namespace in (("a",), ("a", "b"), ("ab",), ('a","b',), ("a%",)):
        store.put(namespace, "k", {"n": 1})
    assert {item.namespace for item in store.search(("a",))} == {("a",), ("a", "b")}
    assert store.list_namespaces(prefix=("a",), max_depth=1) == [("a",)]


def test_items_are_found_by_meaning_and_by_filter(store: DormouseStore) -> None:
    store.put(("m",), "boat", {"text": "my boat is called Zorbal", "year": 2020})
    store.put(("m",), "rice", {"text": "I like rice", "year": 2024})
    store.put(("m",), "hidden", {"text": "boat boat", "year": 2024}, index=False)
    hits = store.search(("m",), query="boat called Zorbal")
    assert [hit.key for hit in hits] == ["boat", "rice", "hidden"] and hits[-1].score is None
    recent = store.search(("m",), filter={"year": {"$gte": 2021}}, query="rice")
    assert recent[0].key == "rice"
    assert store.search(("m",), filter={"year') OR 1": 1}) == []
    with pytest.raises(ValueError, match="operator"):
        store.search(("m",), filter={"year": {"$like": 1}})


def test_expired_items_are_gone(store: DormouseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("dormouse.graphs.items.time.time", lambda: clock[0])
    store.put(("a",), "k", {"n": 1}, ttl=1)
    store.put(("a",), "kept", {"n": 1})
    clock[0] += 61
    assert store.get(("a",), "k") is None and [item.key for item in store.search(("a",))] == ["kept"]
    assert store.sweep_ttl() == 1 and store.sweep_ttl() == 0


def test_a_ttl_is_the_configs_unless_told_and_reading_renews_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("dormouse.graphs.items.time.time", lambda: clock[0])
    with DormouseStore(tmp_path, ttl={"default_ttl": 10, "refresh_on_read": True}) as store:
        store.put(("a",), "default", {"n": 1})
        store.put(("a",), "short", {"n": 1}, ttl=5)
        store.put(("a",), "never", {"n": 1}, ttl=None)
        clock[0] += 4 * 60
        assert store.get(("a",), "short") is not None
        clock[0] += 4 * 60
        assert store.get(("a",), "short", refresh_ttl=False) is not None
        clock[0] += 60
        assert store.get(("a",), "short") is None
        clock[0] += 60
        assert store.get(("a",), "default") is None
        assert store.list_namespaces() == [("a",)] and store.get(("a",), "never") is not None


def test_a_search_renews_only_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("dormouse.graphs.items.time.time", lambda: clock[0])
    with DormouseStore(tmp_path, ttl={"default_ttl": 10, "refresh_on_read": True}) as store:
        for n in range(3):
            store.put(("a",), f"k{n}", {"n": n})
        clock[0] += 9 * 60
        assert [item.key for item in store.search(("a",), limit=2)] == ["k2", "k1"]
        clock[0] += 9 * 60
        assert [item.key for item in store.search(("a",))] == ["k2", "k1"]


def test_the_sweeper_deletes_what_expired_until_it_is_stopped(tmp_path: Path) -> None:
    with DormouseStore(tmp_path, ttl={"sweep_interval_minutes": 60}) as store:
        swept = threading.Event()
        store.sweep_ttl = lambda: swept.set() or 0  # type: ignore[method-assign, func-returns-value]
        sweeping = store.start_ttl_sweeper(0.0001)
        assert swept.wait(60) and not sweeping.done()
        assert store.stop_ttl_sweeper(60) and sweeping.result(60) is None
        again = store.start_ttl_sweeper()
        assert again.cancel() and store.stop_ttl_sweeper(60)
    with DormouseStore(tmp_path / "other") as store:
        assert store.start_ttl_sweeper().done(), "nothing expires by itself without a ttl"


def test_a_batch_sweeps_as_often_as_the_config_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("dormouse.graphs.items.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("dormouse.graphs.items.time.time", lambda: clock[0])
    with DormouseStore(tmp_path, ttl={"sweep_interval_minutes": 2}) as store:
        store.put(("a",), "k", {"n": 1}, ttl=1)
        for later, left in ((100, 1), (30, 0)):
            clock[0] += later
            store.get(("a",), "other")
            assert store._db.execute("SELECT count(*) FROM items").fetchone()[0] == left


def test_a_filter_is_applied_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    with DormouseStore(tmp_path) as store:
        for n in range(200):
            store.put(("a",), f"k{n}", {"n": n, "colour": "red" if n == 7 else "blue"})

        def watched(value: Mapping[str, object], wanted: Mapping[str, object] | None) -> bool:
            read.append(value)
            return fits(value, wanted)

        monkeypatch.setattr(items, "fits", watched)
        assert [item.key for item in store.search(("a",), filter={"colour": "red"})] == ["k7"]
        assert [item.key for item in store.search(("a",), filter={"n": {"$lt": 1}})] == ["k0"]
        assert len(read) == 2
        assert len(store.search(("a",), filter={"colour": "blue"}, limit=3)) == 3
        assert len(read) == 5, "no more is read than is shown"


def test_texts_are_compared_by_their_order(store: DormouseStore) -> None:
    for key, day in (("a", "2024-01-31"), ("b", "2024-06-30"), ("c", 20240630)):
        store.put(("t",), key, {"day": day, "not a number": float("nan")})
    found = store.search(("t",), filter={"day": {"$gte": "2024-02-01"}})
    assert [item.key for item in found] == ["b"]
    assert [item.key for item in store.search(("t",), filter={"day": "2024-01-31"})] == ["a"]


def test_a_filter_names_a_field_by_its_dotted_path_or_its_own_name(store: DormouseStore) -> None:
    store.put(("t",), "deep", {"a": {"b": 1}})
    store.put(("t",), "flat", {"a.b": 1})
    store.put(("t",), "flat first", {"a.b": 2, "a": {"b": 1}})
    found = store.search(("t",), filter={"a.b": 1})
    assert sorted(item.key for item in found) == ["deep", "flat"]


def test_one_scope_has_no_way_to_another(tmp_path: Path) -> None:
    with DormouseStore(tmp_path, Scope("ada")) as ada, DormouseStore(tmp_path, Scope("bo")) as bo:
        ada.put(("ada", "secrets"), "k", {"text": "Zorbal"})
        assert bo.search(()) == [] and bo.list_namespaces() == []
        assert bo.get(("ada", "secrets"), "k") is None
        assert bo.list_namespaces(prefix=("*",)) == []


def test_async_is_the_same(store: DormouseStore) -> None:
    async def use() -> list[str]:
        await asyncio.gather(*(store.aput(("a",), f"k{n}", {"text": "boat"}) for n in range(8)))
        return [item.key for item in await store.asearch(("a",), query="boat", limit=20)]

    assert sorted(asyncio.run(use())) == [f"k{n}" for n in range(8)]


def test_namespaces_are_matched_by_wildcards(store: DormouseStore) -> None:
    for namespace in (("a", "x", "docs"), ("b", "x", "docs"), ("a", "y", "pics")):
        store.put(namespace, "k", {"n": 1})
    assert store.list_namespaces(prefix=("*", "x")) == [("a", "x", "docs"), ("b", "x", "docs")]
    assert store.list_namespaces(suffix=("docs",), limit=1) == [("a", "x", "docs")]
    assert MatchCondition("prefix", ("a",)).match_type == "prefix"


def test_a_failed_batch_changes_nothing(store: DormouseStore) -> None:
    with pytest.raises(TypeError):
        store.batch([PutOp(("a",), "good", {"n": 1}), PutOp(("a",), "bad", {"n": object()}, False)])
    assert store.search(()) == []


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{Scope().key}.db"
    with DormouseStore(tmp_path):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreTooNew):
        DormouseStore(tmp_path)
    path.write_bytes(b"no database" * 500)
    with pytest.raises(StoreError):
        DormouseStore(tmp_path)
