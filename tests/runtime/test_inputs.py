"""`tell` and `exam` files: checked as a whole, and the first bad line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dormouse.memory.errors import BadInput
from dormouse.runtime.errors import BadLine, BadTurn, EmptyInput, UnreadableInput
from dormouse.runtime.inputs import checked_turn, exam_items, read_exam, read_told, told_lines
from dormouse.runtime.records import ToldTurn
from dormouse.sleep.exam import ExamItem

MAX = 100
GOOD = b'{"session": "s1", "content": "hello"}\n'
FACT = b'{"id": "a", "question": "q?", "kind": "fact", "expect": ["x"]}\n'

BAD_TOLD = [
    (b"\xff\xfe\x00", "not UTF-8"),
    (b"GGUF\x03\x00\x00\x00", "not JSON"),
    (b"hello\n", "not JSON"),
    (b"[1, 2]\n", "must be a JSON object"),
    (b'"text"\n', "must be a JSON object"),
    (b'{"content": "x"}\n', "'session' is missing"),
    (b'{"session": "s"}\n', "'content' is missing"),
    (b'{"session": "s", "content": "x", "role": "system"}\n', "is not known"),
    (b'{"session": "s", "content": ""}\n', "it is empty"),
    (b'{"session": "s", "content": " \\n"}\n', "it is empty"),
    (b'{"session": "s", "content": 7}\n', "must be a string"),
    (b'{"session": "s", "content": null}\n', "must be a string"),
    (b'{"session": "", "content": "x"}\n', "session must be a word"),
    (b'{"session": 3, "content": "x"}\n', "session must be a word"),
    (b'{"session": "s", "content": "\\ud800"}\n', "half a character"),
    (b'{"session": "s", "content": "a\\u0000b"}\n', "control character"),
    (b'{"session": "s", "content": "' + b"y" * 101 + b'"}\n', "it has 101 characters"),
    (b'{"session": "s", "content": "' + b"y" * 1_000_000 + b'"}\n', "a turn is at most 100"),
    (b"[" * 100_000, "it is"),
]

BAD_EXAM = [
    (b'{"question": "q?", "kind": "fact", "expect": ["x"]}\n', "'id' is missing"),
    (b'{"id": "a", "question": "q?", "kind": "trivia"}\n', "'fact', 'unknown', 'skill', 'forgotten'"),
    (b'{"id": "a", "question": "q?", "kind": ["fact"]}\n', "kind must be one of"),
    (b'{"id": "a", "question": "q?", "kind": "fact"}\n', "any answer would pass"),
    (b'{"id": "a", "question": "q?", "kind": "fact", "expect": []}\n', "any answer would pass"),
    (b'{"id": "a", "question": " ", "kind": "unknown"}\n', "question: it is empty"),
    (b'{"id": "a", "question": "q?", "kind": "fact", "expect": "x"}\n', "expect must be a list"),
    (b'{"id": "a", "question": "q?", "kind": "fact", "expect": [""]}\n', "expect must be a list"),
    (b'{"id": "a", "question": "q?", "kind": "fact", "forbid": [3]}\n', "forbid must be a list"),
    (b'{"id": "a", "question": "q?", "kind": "unknown", "answer": "x"}\n', "is not known"),
    (b'{"id": "", "question": "q?", "kind": "unknown"}\n', "id must be a word"),
]


@pytest.mark.parametrize(("line", "said"), BAD_TOLD)
def test_a_bad_line_of_a_tell_file_is_named(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(GOOD + b"\n" + line)
    with pytest.raises(BadLine) as caught:
        read_told(path, MAX)
    assert caught.value.line == 3
    assert said in str(caught.value)
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 400 + len(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("line", "said"), BAD_EXAM)
def test_a_bad_line_of_an_exam_is_named(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_bytes(FACT + line)
    with pytest.raises(BadLine) as caught:
        read_exam(path, MAX)
    assert caught.value.line == 2
    assert said in str(caught.value)


def test_an_id_given_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_bytes(FACT + b"\n\n" + FACT)
    with pytest.raises(BadLine, match="'a' was given before, in line 1") as caught:
        read_exam(path, MAX)
    assert caught.value.line == 4


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf\n"])
def test_a_file_without_a_line_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    for read in (read_told, read_exam):
        with pytest.raises(EmptyInput):
            read(path, MAX)


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="there is no such file"):
        read_told(tmp_path / "absent", MAX)
    with pytest.raises(UnreadableInput, match="it is a folder"):
        read_exam(tmp_path, MAX)


def test_good_files_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n" + '{"session": "é", "content": "çö\\n"}'.encode())
    assert read_told(path, MAX) == [ToldTurn("s1", "hello"), ToldTurn("é", "çö\n")]
    path.write_bytes(FACT + b'{"id": "b", "question": "r?", "kind": "unknown"}')
    assert read_exam(path, MAX) == [
        ExamItem("a", "q?", "fact", ("x",), ()),
        ExamItem("b", "r?", "unknown", (), ()),
    ]


def test_the_longest_turn_allowed_is_taken_however_it_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps({"session": "s", "content": "\U0001f42d" * MAX}))
    assert len(read_told(path, MAX)[0].content) == MAX


def test_lists_are_checked_like_files() -> None:
    assert told_lines([ToldTurn("s", "x"), {"session": "s", "content": "y"}], MAX)[1].content == "y"
    with pytest.raises(BadLine, match=r"Line 2 of the turns told .*it is empty"):
        told_lines([{"session": "s", "content": "x"}, {"session": "s", "content": ""}], MAX)
    with pytest.raises(BadLine, match="must be a mapping"):
        told_lines([["s", "x"]], MAX)  # type: ignore[list-item]
    with pytest.raises(EmptyInput):
        exam_items([], MAX)
    item = ExamItem("a", "q?", "fact", ("x",), ())
    assert exam_items([item], MAX) == [item]
    with pytest.raises(BadLine):
        exam_items([item, item], MAX)


@pytest.mark.parametrize("text", ["", " \t", "x" * 101, "a\x00", "\udcff"])
def test_a_turn_that_cannot_be_taken_is_refused(text: str) -> None:
    with pytest.raises(BadTurn) as caught:
        checked_turn(text, MAX)
    assert isinstance(caught.value, BadInput)
    str(caught.value).encode()
