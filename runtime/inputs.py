"""Reads what a user feeds an agent: turns, and the lines of `tell` and `exam` files.

Promise: a file is read and checked as a whole before anything in it is used, and the first line that cannot
be used is named. Knows the files' formats; nothing of what is done with them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from .errors import BadLine, BadTurn, EmptyInput, UnreadableInput
from .records import ToldTurn

if TYPE_CHECKING:
    from ..sleep.exam import ExamItem

Record = TypeVar("Record")

_LONGEST_NAME_CHARS = 200
_BYTES_PER_CHAR = 12  # a character outside the BMP, escaped in JSON
_SPARE_BYTES = 10_000  # for keys and the other fields of a line
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SHOWN_CHARS = 40


def checked_turn(text: str, max_chars: int) -> str:
    """`text`, if it can be a turn of at most `max_chars` characters. Raises BadTurn."""
    if problem := _turn_problem(text, max_chars):
        raise BadTurn(problem)
    return text


def read_told(path: Path, max_chars: int) -> list[ToldTurn]:
    """The turns in a `tell` file. Raises UnreadableInput, BadLine, EmptyInput."""
    lines = _records("tell file", path, max_chars, lambda row: told_turn(row, max_chars))
    return [turn for _, turn in lines]


def read_exam(path: Path, max_chars: int) -> list[ExamItem]:
    """The items of an `exam` file. Raises UnreadableInput, BadLine, EmptyInput."""
    return _unique(path, _records("exam file", path, max_chars, lambda row: exam_item(row, max_chars)))


def numbered_lines(kind: str, path: Path, longest: int) -> list[tuple[int, str]]:
    """The number and text of every line of a file that is not empty.

    Raises UnreadableInput, BadLine (for one that is not text, or of over `longest` bytes), EmptyInput.
    """
    lines = _read(kind, path, longest, f"a line is at most {longest} bytes", lambda number, line: line)
    for number, line in lines:
        if "\0" in line:
            raise BadLine(path, number, "it is not text, since it holds a zero byte")
    return lines


def row_of(path: Path, number: int, line: str) -> dict[str, Any]:
    """The JSON object that a line is. Raises BadLine."""
    try:
        row = json.loads(line)
    except RecursionError:
        raise BadLine(path, number, "it nests too deeply") from None
    except ValueError as error:
        reason = getattr(error, "msg", str(error))
        raise BadLine(path, number, f"it is not JSON ({reason[0].lower()}{reason[1:]})") from None
    if not isinstance(row, dict):
        raise BadLine(path, number, "it must be a JSON object")
    return row


def told_turn(row: Mapping[str, Any], max_chars: int) -> ToldTurn:
    """One line of a `tell` file. ValueError says what is wrong with it, as a clause."""
    _check_keys(row, needed=("session", "content"))
    if problem := _turn_problem(row["content"], max_chars):
        raise ValueError(problem)
    return ToldTurn(_name(row, "session"), row["content"])


def exam_item(row: Mapping[str, Any], max_chars: int) -> ExamItem:
    """One line of an `exam` file. ValueError says what is wrong with it, as a clause."""
    from ..sleep.exam import KINDS, ExamItem

    _check_keys(row, needed=("id", "question", "kind"), may=("expect", "forbid"))
    if row["kind"] not in KINDS:
        raise ValueError(
            f"kind must be one of {', '.join(map(repr, KINDS))}, and it is {_shown(row['kind'])}"
        )
    if problem := _turn_problem(row["question"], max_chars):
        raise ValueError(f"question: {problem}")
    expect, forbid = _strings(row, "expect"), _strings(row, "forbid")
    if row["kind"] == "fact" and not expect and not forbid:
        raise ValueError("a fact needs something to expect or to forbid, or any answer would pass")
    return ExamItem(_name(row, "id"), row["question"], row["kind"], expect, forbid)


def told_lines(rows: Iterable[ToldTurn | Mapping[str, Any]], max_chars: int) -> list[ToldTurn]:
    """Turns given as records or as the mappings a file would hold. Raises BadLine and EmptyInput."""
    return [turn for _, turn in _given(rows, ToldTurn, lambda row: told_turn(row, max_chars), "turns told")]


def exam_items(rows: Iterable[ExamItem | Mapping[str, Any]], max_chars: int) -> list[ExamItem]:
    """Items given as records or as the mappings a file would hold. Raises BadLine and EmptyInput."""
    from ..sleep.exam import ExamItem

    lines = _given(rows, ExamItem, lambda row: exam_item(row, max_chars), "exam items")
    return _unique("the exam items", lines)


def _given(
    rows: Iterable[Any], kind: type[Any], record: Callable[[Mapping[str, Any]], Record], what: str
) -> list[tuple[int, Record]]:
    records = []
    for number, row in enumerate(rows, 1):
        try:
            values = {f.name: getattr(row, f.name) for f in fields(kind)} if isinstance(row, kind) else row
            if not isinstance(values, Mapping):
                raise ValueError(f"it must be a mapping, and it is {_shown(values)}")
            records.append((number, record(values)))
        except ValueError as error:
            raise BadLine(f"the {what}", number, str(error)) from None
    if not records:
        raise EmptyInput("list of", what)
    return records


def _records(
    kind: str, path: Path, max_chars: int, record: Callable[[Mapping[str, Any]], Record]
) -> list[tuple[int, Record]]:
    """Every line's number and record; `record` raises ValueError with a clause."""
    return _read(kind, path, *_bound(max_chars), lambda number, line: _record(path, number, line, record))


def _read(
    kind: str, path: Path, longest: int, bound: str, made: Callable[[int, str], Record]
) -> list[tuple[int, Record]]:
    """Every line's number and what is `made` of it."""
    try:
        with path.open("rb") as file:
            records = [(number, made(number, line)) for number, line in _lines(path, file, longest, bound)]
    except IsADirectoryError:
        raise UnreadableInput(kind, path, "it is a folder") from None
    except FileNotFoundError:
        raise UnreadableInput(kind, path, "there is no such file") from None
    except OSError as error:
        raise UnreadableInput(kind, path, str(error.strerror or error).lower()) from None
    if not records:
        raise EmptyInput(kind, path)
    return records


def _bound(max_chars: int) -> tuple[int, str]:
    """Bytes a line may have, and why."""
    return _BYTES_PER_CHAR * max_chars + _SPARE_BYTES, f"a turn is at most {max_chars} characters"


def _lines(path: Path, file: IO[bytes], longest: int, bound: str) -> Iterator[tuple[int, str]]:
    number = 0
    while raw := file.readline(longest + 1):
        number += 1
        if len(raw) > longest:
            raise BadLine(path, number, f"it is over {longest} bytes, and {bound}")
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise BadLine(path, number, "it is not UTF-8 text") from None
        if text:
            yield number, text


def _record(path: Path, number: int, line: str, record: Callable[[Mapping[str, Any]], Record]) -> Record:
    row = row_of(path, number, line)
    try:
        return record(row)
    except ValueError as error:
        raise BadLine(path, number, str(error)) from None


def _check_keys(row: Mapping[str, Any], *, needed: tuple[str, ...], may: tuple[str, ...] = ()) -> None:
    if missing := [key for key in needed if key not in row]:
        raise ValueError(f"the key {missing[0]!r} is missing")
    if unknown := [key for key in row if key not in needed + may]:
        raise ValueError(f"the key {_shown(unknown[0])} is not known; the keys are {', '.join(needed + may)}")


def _turn_problem(text: object, max_chars: int) -> str | None:
    if not isinstance(text, str):
        return f"its words must be a string, and they are {_shown(text)}"
    if not text.strip():
        return "it is empty"
    if len(text) > max_chars:
        return f"it has {len(text)} characters, and a turn is at most {max_chars}"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "it holds half a character (a lone surrogate)"
    if found := _CONTROL.search(text):
        return f"it holds the control character {found[0]!r}"
    return None


def _name(row: Mapping[str, Any], key: str) -> str:
    name = row[key]
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{key} must be a word, and it is {_shown(name)}")
    if problem := _turn_problem(name, _LONGEST_NAME_CHARS):
        raise ValueError(f"{key}: {problem.replace('a turn', 'a name')}")
    return name


def _strings(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = () if row.get(key) is None else row[key]
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) and v.strip() for v in values):
        raise ValueError(f"{key} must be a list of strings that are not empty")
    return tuple(values)


def _unique(path: Path | str, lines: Sequence[tuple[int, ExamItem]]) -> list[ExamItem]:
    seen: dict[str, int] = {}
    for number, item in lines:
        if item.id in seen:
            raise BadLine(path, number, f"the id {item.id!r} was given before, in line {seen[item.id]}")
        seen[item.id] = number
    return [item for _, item in lines]


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
