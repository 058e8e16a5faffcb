"""The LangGraph store: what is put is kept, found by filter, namespace and meaning, expires, and stays in
its scope.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder
from langgraph.store.base import GetOp, MatchCondition, PutOp, SearchOp

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
