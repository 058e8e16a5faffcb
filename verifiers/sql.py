"""`sql`: a query passes when it gives the expected rows over a read-only database file.

Promise: the query runs in the sandbox, which sees that file and nothing else of yours, and cannot change it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from .abc import Claim, Key, Means, Verdict, Verifier
from .errors import UnusableCheck
from .sandbox.abc import Job
from .sandbox.choose import open_sandbox
from .settings import SandboxSettings
from .tests import broken_off

_SQLITE_HEAD = b"SQLite format 3\0"
_MOST_ROWS = 10_000
_DUCKDB_MIB = 4096  # address space, which it maps far more of than it uses
_SHOWN_CHARS = 120


class Sql(Verifier):
    """Judges the text, a query, over the file `fields["database"]` (SQLite or DuckDB): it must give the
    rows in `fields["expect"]`, or those of the query `fields["sql"]`; in their order if `fields["ordered"]`.
    """

    name = "sql"
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("text", needed=True),
        "database": Key("text", needed=True),
        "expect": Key("rows"),
        "sql": Key("text"),
        "ordered": Key("flag"),
    }
    paths = ("database",)

    def __init__(self, sandbox: SandboxSettings | None = None) -> None:
        self._settings = sandbox or SandboxSettings()

    @classmethod
    def build(cls, options: BaseModel, means: Means) -> Self:
        return cls(means.sandbox)

    def judge(self, claim: Claim) -> Verdict:
        expect, reference = claim.fields.get("expect"), str(claim.fields.get("sql", ""))
        if (expect is None) == (not reference):
            raise UnusableCheck("it needs either `expect`, a list of rows, or `sql`, a query that gives them")
        path = Path(str(claim.fields["database"])).absolute()
        ended = open_sandbox(self._settings).run(_job(claim.text, reference, path))
        if ended.how != "reported":
            return broken_off(ended, self._settings)
        report = ended.report
        if "error" in report:
            which, why = report["error"]
            if which == "reference":
                raise UnusableCheck(f"its own `sql` fails: {why}")
            return Verdict("failed", f"the query fails: {why}", ended.seconds, ended.cpu_s)
        wanted: Sequence[Any] = report["reference"] if reference else expect or ()
        ordered = bool(claim.fields.get("ordered"))
        same = _canonical(report["rows"], ordered) == _canonical(wanted, ordered)
        evidence = f"it gives {_shown(report['rows'])}" + ("" if same else f", not {_shown(wanted)}")
        return Verdict("passed" if same else "failed", evidence, ended.seconds, ended.cpu_s)


def _job(query: str, reference: str, path: Path) -> Job:
    try:
        with path.open("rb") as file:
            kind = "sqlite" if file.read(len(_SQLITE_HEAD)) == _SQLITE_HEAD else "duckdb"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnusableCheck(f"the database {path} cannot be read: {reason}") from None
    packages: list[str] = []
    if kind == "duckdb":
        found = find_spec("duckdb")
        if found is None or found.origin is None:
            raise UnusableCheck(
                f"{path} is no SQLite file, and for DuckDB's the package duckdb is not installed"
            )
        packages = [str(Path(found.origin).parent.parent)]
    secret = {
        "kind": kind,
        "database": str(path),
        "reference": reference,
        "most_rows": _MOST_ROWS,
        "packages": packages,
    }
    seen = (path, *map(Path, packages))
    return Job("query", query, secret, read_only=seen, memory_mib=_DUCKDB_MIB if packages else None)


def _canonical(rows: Sequence[Any], ordered: bool) -> list[str]:
    """Rows as text that is equal where they are, a whole float and an integer alike; sorted unless
    `ordered`.
    """
    lines = [json.dumps([_cell(cell) for cell in _cells(row)], default=str) for row in rows]
    return lines if ordered else sorted(lines)


def _cells(row: Any) -> Sequence[Any]:
    return row if isinstance(row, list | tuple) else [row]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float | Decimal):
        value = float(value)
        return int(value) if value.is_integer() else float(f"{value:.12g}")
    return value


def _shown(rows: Sequence[Any]) -> str:
    text = json.dumps([list(_cells(row)) for row in rows[:5]], default=str)
    return (text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "...") + (
        f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    )
