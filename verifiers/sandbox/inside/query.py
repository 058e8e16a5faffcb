"""Runs one SQL query over a database file, read-only, and gives its rows.

Promise: nothing is written or attached; at most as many rows come back as were asked for.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LONGEST_VALUE_BYTES = 1 << 20


def judge(source: str, rest: Callable[[], dict[str, Any]], spawn: Any) -> dict[str, Any]:
    """The rows of the query `source` and of the reference query, or what was wrong with one of them."""
    given = rest()
    sys.path[:0] = given["packages"]
    connect = _duckdb if given["kind"] == "duckdb" else _sqlite
    found: dict[str, Any] = {}
    for name, query in (("reference", given["reference"]), ("rows", source)):
        if not query:
            continue
        try:
            found[name] = connect(given["database"], query, given["most_rows"])
        except Exception as error:  # noqa: BLE001  every database has errors of its own, and each is a verdict
            words = str(error).strip().splitlines() or [type(error).__name__]
            found["error"] = (name, words[0][:300])
            return found
    return found


def _sqlite(path: str, query: str, most: int) -> list[tuple[Any, ...]]:
    import sqlite3

    place = "".join(c if c.isalnum() or c in "/._-" else f"%{ord(c):02x}" for c in path)
    connection = sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.execute("PRAGMA query_only = 1")
    cursor = connection.execute(query)
    return _rows(cursor.fetchmany(most + 1), most)


def _duckdb(path: str, query: str, most: int) -> list[tuple[Any, ...]]:
    import duckdb  # type: ignore[import-not-found, unused-ignore]

    settings: Any = {"enable_external_access": "false", "lock_configuration": "true", "threads": "1"}
    connection = duckdb.connect(path, read_only=True, config=settings)
    return _rows(connection.execute(query).fetchmany(most + 1), most)


def _rows(rows: list[Any], most: int) -> list[tuple[Any, ...]]:
    if len(rows) > most:
        raise ValueError(f"it gives more than {most} rows")
    return [tuple(row) for row in rows]
