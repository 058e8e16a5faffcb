"""What every LangGraph store does, held to LangGraph's own in memory and to ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from dormouse.graphs.items import DormouseStore

Open = Callable[..., BaseStore]


def _embed(texts: Any) -> list[list[float]]:
    vectors: list[list[float]] = HashedEmbedder(256).embed(texts).tolist()
    return vectors


@pytest.fixture(params=["memory", "dormouse", "dormouse in memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the store, with the `fields` to be found by meaning if there are any."""
    with ExitStack() as stack:

        def open_store(*fields: str) -> BaseStore:
            config: IndexConfig = {"dims": 256, "embed": _embed, "fields": list(fields)}
            index = config if fields else None
            if request.param == "memory":
                return InMemoryStore(index=index)
            root = ":memory:" if "memory" in request.param else tmp_path
            return stack.enter_context(DormouseStore(root, index=index))

        yield open_store


@pytest.fixture
def store(opened: Open) -> BaseStore:
    return opened()


def keys(found: Any) -> list[str]:
    return sorted(item.key for item in found)


def test_what_is_put_is_got_changed_and_deleted(store: BaseStore) -> None:
    place = ("users", "ada")
    store.put(place, "boat", {"name": "Zorbal", "crew": ["Bo", {"age": 7}], "mast": None, "wet": True})
    first = store.get(place, "boat")
    assert first is not None and (first.namespace, first.key) == (place, "boat")
    assert first.value == {"name": "Zorbal", "crew": ["Bo", {"age": 7}], "mast": None, "wet": True}
    store.put(place, "boat", {"name": "Ünlü ⛵"})
    again = store.get(place, "boat")
    assert again is not None and again.value == {"name": "Ünlü ⛵"}
    assert again.updated_at >= first.updated_at and again.created_at >= first.created_at
    assert store.get(("users", "bo"), "boat") is None and store.get(place, "car") is None
    store.delete(place, "boat")
    store.delete(place, "never there")
    assert store.get(place, "boat") is None and store.search(("users",)) == []


def test_a_batch_answers_in_order_and_reads_before_it_writes(store: BaseStore) -> None:
    store.put(("t", "a"), "old", {"n": 1})
    found = store.batch(
        [
            GetOp(("t", "a"), "old"),
            PutOp(("t", "b"), "new", {"n": 2}),
            SearchOp(("t",), filter={"n": 1}),
            SearchOp(("t",), filter={"n": 2}),
            ListNamespacesOp(),
            GetOp(("t", "b"), "new"),
        ]
    )
    assert isinstance(found[0], Item) and found[0].value == {"n": 1}
    assert found[1] is None and keys(found[2]) == ["old"] and found[3] == []
    assert found[4] == [("t", "a")] and found[5] is None
    assert store.get(("t", "b"), "new") is not None


def test_the_last_write_of_a_batch_wins(store: BaseStore) -> None:
    put = [PutOp(("t",), "k", {"n": n}) for n in range(3)]
    assert store.batch([*put, PutOp(("t",), "gone", {"n": 0}), PutOp(("t",), "gone", None)]) == [None] * 5
    item = store.get(("t",), "k")
    assert item is not None and item.value == {"n": 2} and store.get(("t",), "gone") is None


def test_the_async_methods_do_the_same(store: BaseStore) -> None:
    async def use() -> tuple[list[str], list[Any], Any]:
        await asyncio.gather(*(store.aput(("t", f"n{n}"), f"k{n}", {"n": n}) for n in range(6)))
        await store.adelete(("t", "n0"), "k0")
        found = await store.asearch(("t",), filter={"n": {"$gte": 2}})
        results = await store.abatch([GetOp(("t", "n1"), "k1"), GetOp(("t", "n0"), "k0")])
        return keys(found), results, await store.alist_namespaces(prefix=("t",), limit=2, offset=3)

    found, results, namespaces = asyncio.run(use())
    assert found == ["k2", "k3", "k4", "k5"]
    assert results[0].value == {"n": 1} and results[1] is None
    assert namespaces[-1] in (("t", "n4"), ("t", "n5"))


@pytest.mark.parametrize("namespace", [(), ("a.b",), ("a", ""), ("langgraph", "a"), ("a", 1)])
def test_a_namespace_that_cannot_be_is_refused(store: BaseStore, namespace: Any) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {"n": 1})
    with pytest.raises(InvalidNamespaceError):
        asyncio.run(store.aput(namespace, "k", {"n": 1}))


ITEMS: dict[str, dict[str, Any]] = {
    "low": {"n": 1, "s": "2024-01-31", "on": True, "in": {"deep": {"x": 1, "y": 2}}, "tags": ["a", "b"]},
    "mid": {"n": 2.5, "s": "2024-06-30", "on": False, "in": {"deep": {"x": 2}}, "tags": ["b", "a"]},
    "high": {"n": 40, "s": "it's", "on": None, "in": {}, "tags": []},
    "bare": {"other-key": 'say "hi"', "é": "ü"},
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["bare", "high", "low", "mid"]),
        ({"n": 1}, ["low"]),
        ({"n": 1.0}, ["low"]),
        ({"n": "1"}, []),
        ({"n": 2.5, "s": "2024-06-30"}, ["mid"]),
        ({"n": 2.5, "s": "2024-01-31"}, []),
        ({"s": "it's"}, ["high"]),
        ({"s": "' OR 1 --"}, []),
        ({"s') OR 1 --": 1}, []),
        ({"on": True}, ["low"]),
        ({"on": False}, ["mid"]),
        ({"on": None}, ["bare", "high"]),
        ({"other-key": 'say "hi"'}, ["bare"]),
        ({"é": "ü"}, ["bare"]),
        ({"tags": ["a", "b"]}, ["low"]),
        ({"tags": []}, ["high"]),
        ({"in": {"deep": {"x": 1}}}, ["low"]),
        ({"in": {"deep": {"x": 2, "y": 2}}}, []),
        ({"in": {}}, ["high", "low", "mid"]),
        ({"in": {"deep": {"x": {"$gt": 1}}}}, ["mid"]),
        ({"n": {"$eq": 40}}, ["high"]),
        ({"n": {"$ne": 1}}, ["bare", "high", "mid"]),
        ({"s": {"$ne": "it's"}}, ["bare", "low", "mid"]),
        ({"n": {"$eq": 1 << 70}}, []),
    ],
)
def test_a_filter_finds_what_fits_it(store: BaseStore, wanted: dict[str, Any], found: list[str]) -> None:
    for key, value in ITEMS.items():
        store.put(("t", key), key, value)
    assert keys(store.search(("t",), filter=wanted)) == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"n": {"$gt": 1}}, ["b", "c"]),
        ({"n": {"$gte": 1}}, ["a", "b", "c"]),
        ({"n": {"$lt": 40}}, ["a", "b"]),
        ({"n": {"$lte": 40}}, ["a", "b", "c"]),
        ({"n": {"$gt": 1, "$lt": 40}}, ["b"]),
        ({"n": {"$gt": "1"}}, ["b", "c"]),
        ({"n": {"$lt": 1 << 70}}, ["a", "b", "c"]),
        ({"n": {"$gte": float("inf")}}, []),
    ],
)
def test_numbers_are_compared_by_their_value(
    store: BaseStore, wanted: dict[str, Any], found: list[str]
) -> None:
    for key, n in (("a", 1), ("b", 2.5), ("c", "40")):
        store.put(("t",), key, {"n": n})
    assert keys(store.search(("t",), filter=wanted)) == found


def test_an_unknown_operator_is_refused(store: BaseStore) -> None:
    store.put(("t",), "k", {"n": 1})
    with pytest.raises(ValueError, match="operator"):
        store.search(("t",), filter={"n": {"$like": 1}})


def test_a_prefix_is_of_whole_names(store: BaseStore) -> None:
    for namespace in (
        ("a",),
        ("a", "b"),
        ("a", "b", "c"),
        ("ab",),
        ("A",),
        ("a-",),
        ('a","b',),
        ("a%",),
        ("é",),
    ):
        store.put(namespace, "k", {"n": 1})
    assert {item.namespace for item in store.search(("a",))} == {("a",), ("a", "b"), ("a", "b", "c")}
    assert {item.namespace for item in store.search(("a", "b"))} == {("a", "b"), ("a", "b", "c")}
    assert {item.namespace for item in store.search(("é",))} == {("é",)}
    assert len(store.search(())) == 9


def test_pages_of_a_search_cover_it_once(store: BaseStore) -> None:
    for n in range(7):
        store.put(("t",), f"k{n}", {"n": n, "odd": n % 2 == 1})
    assert len(store.search(("t",), limit=3)) == 3
    pages = [store.search(("t",), limit=3, offset=start) for start in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert keys(item for page in pages for item in page) == [f"k{n}" for n in range(7)]
    odd = [store.search(("t",), filter={"odd": True}, limit=2, offset=start) for start in (0, 2)]
    assert keys(item for page in odd for item in page) == ["k1", "k3", "k5"]


NAMESPACES = [
    ("a", "b", "c"),
    ("a", "b", "d", "e"),
    ("a", "b", "d", "i"),
    ("a", "b", "f"),
    ("a", "c", "f"),
    ("b", "a", "f"),
    ("users", "123"),
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, NAMESPACES),
        ({"prefix": ("a", "b")}, NAMESPACES[:4]),
        ({"suffix": ("f",)}, NAMESPACES[3:6]),
        ({"prefix": ("a",), "suffix": ("f",)}, NAMESPACES[3:5]),
        ({"prefix": ("a", "*", "f")}, NAMESPACES[3:5]),
        ({"suffix": ("*", "f")}, NAMESPACES[3:6]),
        ({"prefix": ("*", "a")}, NAMESPACES[5:6]),
        ({"prefix": ("a", "b"), "max_depth": 3}, [("a", "b", "c"), ("a", "b", "d"), ("a", "b", "f")]),
        ({"max_depth": 1}, [("a",), ("b",), ("users",)]),
        ({"max_depth": 1, "limit": 1, "offset": 1}, [("b",)]),
        ({"prefix": ("a", "b"), "limit": 2}, NAMESPACES[:2]),
        ({"prefix": ("a", "b"), "offset": 2}, NAMESPACES[2:4]),
        ({"prefix": ("a", "b", "c", "d")}, []),
        ({"prefix": ("nobody",)}, []),
    ],
)
def test_namespaces_are_listed_by_their_ends(
    store: BaseStore, asked: dict[str, Any], found: list[tuple[str, ...]]
) -> None:
    assert store.list_namespaces() == []
    for namespace in reversed(NAMESPACES):
        store.put(namespace, "k", {"n": 1})
    assert store.list_namespaces(**asked) == found


def test_every_match_condition_must_hold(store: BaseStore) -> None:
    for namespace in NAMESPACES:
        store.put(namespace, "k", {"n": 1})
    conditions = (MatchCondition("prefix", ("a", "*")), MatchCondition("suffix", ("d", "*")))
    assert store.batch([ListNamespacesOp(conditions)]) == [[NAMESPACES[1], NAMESPACES[2]]]


def test_without_an_index_a_query_changes_nothing(store: BaseStore) -> None:
    store.put(("t",), "k", {"text": "a boat"})
    [found] = store.search(("t",), query="a car")
    assert found.key == "k" and found.score is None


def test_the_nearest_come_first_with_their_cosines(opened: Open) -> None:
    store = opened("text")
    for key, text in (
        ("boat", "my boat is called Zorbal"),
        ("rice", "I like rice"),
        ("sea", "a boat at sea"),
    ):
        store.put(("t",), key, {"text": text})
    found = store.search(("t",), query="my boat is called Zorbal")
    assert found[0].key == "boat" and found[0].score == pytest.approx(1, abs=1e-5)
    scores = [item.score or 0 for item in found]
    assert len(found) == 3 and scores == sorted(scores, reverse=True)
    pages = [store.search(("t",), query="a boat", limit=1, offset=start) for start in range(3)]
    assert keys(item for page in pages for item in page) == ["boat", "rice", "sea"]
    assert store.search((), query="boat " * 200)[0].score is not None
    assert len(store.search(("t",), query="")) == 3 and store.search(("elsewhere",), query="boat") == []


def test_a_changed_or_deleted_item_is_found_by_its_new_words_alone(opened: Open) -> None:
    store = opened("text")
    store.put(("t",), "k", {"text": "zebra xylophone"})
    store.put(("t",), "other", {"text": "dogs"})
    before = store.search(("t",), query="zebra")[0]
    store.put(("t",), "k", {"text": "new words about birds"})
    after = next(item for item in store.search(("t",), query="zebra") if item.key == "k")
    assert before.key == "k" and before.score is not None and after.score is not None
    assert after.score < before.score - 0.3
    store.delete(("t",), "k")
    assert keys(store.search(("t",), query="zebra")) == ["other"]


def test_meaning_and_filter_together(opened: Open) -> None:
    store = opened("text")
    for key, text, stars in (("a", "red apple", 4.5), ("b", "red car", 3.0), ("c", "green apple", 4.0)):
        store.put(("t",), key, {"text": text, "stars": stars})
    found = store.search(("t",), query="red apple", filter={"stars": {"$gte": 4}})
    assert [item.key for item in found] == ["a", "c"]
    assert [item.key for item in store.search(("t",), query="apple", filter={"stars": 3})] == ["b"]


def test_only_the_fields_of_the_index_are_embedded(opened: Open) -> None:
    store = opened("title", "parts[*].name", "deep.text")
    store.put(("t",), "a", {"title": "walnut", "body": "cinnamon", "deep": {"text": "ginger"}})
    store.put(("t",), "b", {"parts": [{"name": "saffron"}, {"name": "pepper"}]})
    for query, key in (("walnut", "a"), ("ginger", "a"), ("saffron", "b"), ("pepper", "b")):
        found = store.search(("t",), query=query)
        assert found[0].key == key and found[0].score == pytest.approx(1, abs=1e-5), query
    assert all((item.score or 0) < 0.9 for item in store.search(("t",), query="cinnamon"))


def test_a_put_may_name_its_own_fields_or_none(opened: Open) -> None:
    store = opened("title")
    store.put(("t",), "own", {"title": "walnut", "body": "cinnamon"}, index=["body"])
    store.put(("t",), "none", {"title": "walnut"}, index=False)
    assert store.search(("t",), query="cinnamon")[0].score == pytest.approx(1, abs=1e-5)
    found = store.search(("t",), query="walnut")
    assert [item.key for item in found] == ["own", "none"]
    assert (found[0].score or 0) < 0.9 and found[1].score is None
    assert keys(store.search(("t",), query="walnut", limit=1)) == ["own"]


def test_a_whole_value_is_embedded_where_the_index_says_so(opened: Open) -> None:
    store = opened("$")
    store.put(("t",), "a", {"animal": "zebra"})
    store.put(("t",), "b", {"fruit": "walnut"})
    assert store.search(("t",), query="zebra")[0].key == "a"
