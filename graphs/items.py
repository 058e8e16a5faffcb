"""A LangGraph `BaseStore` over one SQLite file a scope: what an app keeps by namespace and key, found by
meaning too.

Promise: what `put` returned from is on the disk, and nothing of another user or agent can be named. A batch
reads before it writes. Knows nothing of turns or of the journal; `tier1_items` does.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from langgraph.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    ensure_embeddings,
    get_text_at_path,
    tokenize_path,
)

from ..memory.durable import storage_faults
from ..memory.episodes.embedder import Embedder
from ..memory.episodes.records import Scope
from ..memory.errors import OUTPUT, BadInput, StoreError, StoreTooNew
from .item_filters import fits, narrowing
from .tier1_items import Tier1, Tier1Items

VERSION = 1
_TABLES = """
CREATE TABLE items (
    namespace TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, created_at REAL NOT
    NULL, updated_at REAL NOT NULL, ttl_min REAL, expires_at REAL, PRIMARY KEY (namespace,
    key)
);
CREATE TABLE vectors (
    namespace TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, vector BLOB NOT
    NULL, PRIMARY KEY (namespace, key, path),
    FOREIGN KEY (namespace, key) REFERENCES items (namespace, key) ON DELETE CASCADE
);
CREATE INDEX items_by_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
"""
_SWEEP_MIN = 5.0  # LangGraph's own stores sweep as often
Row = tuple[str, str, str, float, float]
Place = tuple[str, str]
"""A namespace as it is spelt in the file, and a key."""


class DormouseStore(BaseStore):
    """The items of one scope, in `<root>/<scope key>.db`; `root` may be ":memory:". A context manager.

    `index` is LangGraph's: dims, embed, fields. Without one, `embedder` (if given) embeds whole values;
    without either, `query` is ignored, as LangGraph has it.

    With `tier1`, an agent, what its user said and what was learnt of it is found here too, by the agent's own
    index: under ("dormouse", "turns") and ("dormouse", "memories"), to read. It is shown where its namespace
    is named, and not among all items. Raises StoreError, StoreTooNew and BadInput.
    """

    supports_ttl = True

    def __init__(
        self,
        root: str | Path,
        scope: Scope | None = None,
        *,
        index: IndexConfig | None = None,
        embedder: Embedder | None = None,
        ttl: TTLConfig | None = None,
        tier1: Tier1 | None = None,
    ) -> None:
        self._tier1 = None if tier1 is None else Tier1Items(tier1)
        self.scope = scope or Scope()
        self.ttl_config = ttl
        self._lock = threading.RLock()
        self._refreshes = bool(
            (ttl or {}).get("refresh_on_read", False)
        )  # as LangGraph's own SQLite store has it
        self._sweep_s = 60 * ((ttl or {}).get("sweep_interval_minutes") or _SWEEP_MIN)
        self._swept = 0.0
        self._sweeper: threading.Thread | None = None
        self._halt = threading.Event()
        if index is None and embedder is not None:
            index = {
                "dims": embedder.dimensions,
                "embed": _embedding(embedder),
                "fields": ["$"],
            }
        self.index_config = index
        self.embeddings = ensure_embeddings(index["embed"]) if index else None
        named: Any = index or {}
        fields = (named.get("fields") or named.get("text_fields") or ["$"]) if index else []
        self._fields = [(path, _tokenized(path)) for path in fields]
        self._path = Path(":memory:") if str(root) == ":memory:" else Path(root) / f"{self.scope.key}.db"
        self._db = self._opened()

    def _opened(self) -> sqlite3.Connection:
        if str(self._path) != ":memory:":
            with storage_faults(self._path.parent, OUTPUT):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL").fetchone()
            for pragma in (
                "synchronous = FULL",
                "foreign_keys = ON",
                "secure_delete = ON",
            ):
                db.execute(f"PRAGMA {pragma}").fetchone()
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                db.close()
                raise StoreTooNew(self._path, version, VERSION)
            if version < VERSION:
                db.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
        except sqlite3.Error as cause:
            raise StoreError(self._path, str(cause)) from cause
        return db

    def setup(self) -> None:
        """Nothing is left to set up; LangGraph's own stores have this method."""

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Every read sees what was there before the batch; the writes are one
        transaction.
        """
        ops = list(ops)
        if self._tier1 is None:
            return self._in_file(ops)
        told = {at: self._tier1.read(op) for at, op in enumerate(ops) if self._tier1.takes(op)}
        rest = iter(self._in_file([op for at, op in enumerate(ops) if at not in told]))
        return [told[at] if at in told else next(rest) for at in range(len(ops))]

    def _in_file(self, ops: Sequence[Op]) -> list[Result]:
        puts = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        vectors = self._embedded(list(puts.values()))
        queries = {op.query for op in ops if isinstance(op, SearchOp) and op.query}
        asked = self._asked(sorted(queries))
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._sweep_sometimes()
                results = [self._read(op, asked) for op in ops]
                for op in puts.values():
                    self._put(op, vectors)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def sweep_ttl(self) -> int:
        """Delete what has expired; how many items that was."""
        with self._lock:
            gone = self._db.execute("DELETE FROM items WHERE expires_at <= ?", (time.time(),))
            return gone.rowcount

    def start_ttl_sweeper(self, sweep_interval_minutes: float | None = None) -> Future[None]:
        """Delete what has expired every so many minutes (those of `ttl`, else 5) in a thread, until the
        future is cancelled, or `stop_ttl_sweeper` or `close` called. Without `ttl` there is nothing to do.
        """
        ended: Future[None] = Future()
        if not self.ttl_config:
            ended.set_result(None)
            return ended
        self.stop_ttl_sweeper()
        every_s = 60 * sweep_interval_minutes if sweep_interval_minutes else self._sweep_s
        halt = self._halt = threading.Event()
        ended.add_done_callback(lambda future: halt.set())

        def sweep() -> None:
            while not halt.wait(every_s):
                with suppress(sqlite3.Error):  # another process has it locked: there is a next time
                    self.sweep_ttl()
            with suppress(InvalidStateError):  # it was cancelled
                ended.set_result(None)

        self._sweeper = threading.Thread(target=sweep, name="dormouse-sweep-items", daemon=True)
        self._sweeper.start()
        return ended

    def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:
        """Stop the thread that sweeps, if there is one; whether it has ended within `timeout` seconds."""
        self._halt.set()
        if self._sweeper is None:
            return True
        self._sweeper.join(timeout)
        return not self._sweeper.is_alive()

    def close(self) -> None:
        """Stop sweeping and close the file. Safe to call twice."""
        self.stop_ttl_sweeper()
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, op: Op, asked: Mapping[str, np.ndarray]) -> Result:
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return list(self._search(op, asked))
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op)
        if isinstance(op, PutOp):
            return None
        raise BadInput(
            f"A store takes get, put, search and list operations, and this is {type(op).__name__}."
        )

    def _get(self, op: GetOp) -> Item | None:
        place = _spelt(op.namespace), op.key
        row = self._row(place)
        if row is None:
            return None
        if op.refresh_ttl and self._refreshes:
            self._refresh([place])
        return Item(**_plain(row))

    def _row(self, place: Place) -> Row | None:
        row: Row | None = self._db.execute(
            "SELECT namespace, key, value, created_at, updated_at FROM items "
            "WHERE namespace = ? AND key = ? AND (expires_at IS NULL OR expires_at > ?)",
            (*place, time.time()),
        ).fetchone()
        return row

    def _search(self, op: SearchOp, asked: Mapping[str, np.ndarray]) -> Sequence[SearchItem]:
        query = asked.get(op.query or "")
        places: Iterator[Place] | list[Place] = self._fitting(op)
        scores: dict[Place, float] = {}
        if query is not None:
            scores = self._scores(op.namespace_prefix, query)
            places = sorted(places, key=lambda place: -scores.get(place, -2.0))
        shown = list(islice(places, op.offset, op.offset + op.limit))
        if op.refresh_ttl and self._refreshes:
            self._refresh(shown)
        rows = [row for row in map(self._row, shown) if row is not None]
        return [SearchItem(**_plain(row), score=scores.get((row[0], row[1]))) for row in rows]

    def _fitting(self, op: SearchOp) -> Iterator[Place]:
        """Where what is searched stands, the newest first."""
        where, values = _prefixed(op.namespace_prefix)
        narrowed, more = narrowing(op.filter)
        value = "value" if op.filter else "NULL"
        rows = self._db.execute(
            f"SELECT namespace, key, {value} FROM items WHERE {where} AND {narrowed} "
            "AND (expires_at IS NULL OR expires_at > ?) ORDER BY updated_at DESC, rowid DESC",
            (*values, *more, time.time()),
        )
        for namespace, key, held in rows:
            if not op.filter or fits(json.loads(held), op.filter):
                yield namespace, key

    def _scores(self, prefix: tuple[str, ...], asked: np.ndarray) -> dict[Place, float]:
        """The best cosine of each item's vectors."""
        where, values = _prefixed(prefix)
        rows = self._db.execute(
            f"SELECT namespace, key, vector FROM vectors WHERE {where}", values
        ).fetchall()
        if not rows:
            return {}
        held = np.frombuffer(b"".join(row[2] for row in rows), np.float32).reshape(len(rows), -1)
        lengths = np.linalg.norm(held, axis=1) * np.linalg.norm(asked)
        cosines = held @ asked / np.where(lengths > 0, lengths, 1)
        best: dict[Place, float] = {}
        for (namespace, key, _), cosine in zip(rows, cosines.tolist(), strict=True):
            best[namespace, key] = max(cosine, best.get((namespace, key), -1.0))
        return best

    def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        rows = self._db.execute(
            "SELECT DISTINCT namespace FROM items WHERE expires_at IS NULL OR expires_at > ?",
            (time.time(),),
        )
        found = [tuple(json.loads(row[0])) for row in rows]
        found += self._tier1.namespaces() if self._tier1 is not None else []
        found = [each for each in found if all(_matches(each, c) for c in op.match_conditions or ())]
        cut = sorted({each[: op.max_depth] if op.max_depth is not None else each for each in found})
        return cut[op.offset : op.offset + op.limit]

    def _put(
        self,
        op: PutOp,
        vectors: Mapping[tuple[tuple[str, ...], str], dict[str, np.ndarray]],
    ) -> None:
        namespace, now = _spelt(op.namespace), time.time()
        if op.value is None:
            self._db.execute("DELETE FROM items WHERE namespace = ? AND key = ?", (namespace, op.key))
            return
        expires = None if op.ttl is None else now + 60 * op.ttl
        self._db.execute(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, key) DO UPDATE SET "
            "value = excluded.value, updated_at = excluded.updated_at, ttl_min = excluded.ttl_min, "
            "expires_at = excluded.expires_at",
            (namespace, op.key, json.dumps(op.value), now, now, op.ttl, expires),
        )
        self._db.execute("DELETE FROM vectors WHERE namespace = ? AND key = ?", (namespace, op.key))
        for path, vector in vectors.get((op.namespace, op.key), {}).items():
            row = (namespace, op.key, path, vector.astype(np.float32).tobytes())
            self._db.execute("INSERT INTO vectors VALUES (?, ?, ?, ?)", row)

    def _refresh(self, places: Sequence[Place]) -> None:
        self._db.executemany(
            "UPDATE items SET expires_at = ? + 60 * ttl_min "
            "WHERE namespace = ? AND key = ? AND ttl_min IS NOT NULL",
            [(time.time(), *place) for place in places],
        )

    def _sweep_sometimes(self) -> None:
        if time.monotonic() - self._swept > self._sweep_s:
            self._swept = time.monotonic()
            self.sweep_ttl()

    def _embedded(self, puts: Sequence[PutOp]) -> dict[tuple[tuple[str, ...], str], dict[str, np.ndarray]]:
        """The vectors of what is put, by item and path: all texts in one call."""
        if self.embeddings is None:
            return {}
        told: list[tuple[PutOp, str, str]] = []
        for op in puts:
            if op.value is None or op.index is False:
                continue
            fields = self._fields if op.index is None else [(path, _tokenized(path)) for path in op.index]
            for path, tokens in fields:
                texts = get_text_at_path(op.value, tokens)
                many = len(texts) > 1
                told += [(op, f"{path}.{n}" if many else path, text) for n, text in enumerate(texts)]
        vectors = self.embeddings.embed_documents([text for _, _, text in told]) if told else []
        found: dict[tuple[tuple[str, ...], str], dict[str, np.ndarray]] = {}
        for (op, path, _), vector in zip(told, vectors, strict=True):
            found.setdefault((op.namespace, op.key), {})[path] = np.asarray(vector, np.float32)
        return found

    def _asked(self, queries: Sequence[str]) -> dict[str, np.ndarray]:
        if self.embeddings is None:
            return {}
        return {query: np.asarray(self.embeddings.embed_query(query), np.float32) for query in queries}


def _embedding(embedder: Embedder) -> Callable[[Sequence[str]], list[list[float]]]:
    def embed(texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = embedder.embed(list(texts)).tolist()
        return vectors

    return embed


def _tokenized(path: str) -> Any:
    return path if path == "$" else tokenize_path(path)


def _spelt(namespace: Sequence[str]) -> str:
    return json.dumps(list(namespace), separators=(",", ":"))


def _prefixed(prefix: Sequence[str]) -> tuple[str, tuple[Any, ...]]:
    """An SQL condition for the namespaces that begin with `prefix`, itself among
    them.
    """
    if not prefix:
        return "1", ()
    whole = _spelt(prefix)
    begun, past = f"{whole[:-1]},", f"{whole[:-1]}-"  # the comma, and what comes after it
    return "(namespace = ? OR (namespace >= ? AND namespace < ?))", (whole, begun, past)


def _plain(row: Row) -> dict[str, Any]:
    namespace, key, value, created_at, updated_at = row
    return {
        "namespace": tuple(json.loads(namespace)),
        "key": key,
        "value": json.loads(value),
        "created_at": datetime.fromtimestamp(created_at, UTC),
        "updated_at": datetime.fromtimestamp(updated_at, UTC),
    }


def _matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    path = tuple(condition.path)
    if len(path) > len(namespace):
        return False
    part = (
        namespace[: len(path)]
        if condition.match_type == "prefix"
        else namespace[len(namespace) - len(path) :]
    )
    return all(want in ("*", got) for want, got in zip(path, part, strict=True))
