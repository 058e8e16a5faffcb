"""`bench verify`: its problems, the forms it reads, and what it makes of an empty solution."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Literal

import pytest

from dormouse.runtime.bench.verify import _problems, emptied
from dormouse.runtime.errors import BenchFailed
from dormouse.runtime.judging import judge_lines
from dormouse.verifiers.abc import Means


@pytest.mark.parametrize("form", ["humaneval", "mbpp"])
def test_reference_solutions_pass_and_empty_ones_fail(form: Literal["humaneval", "mbpp"]) -> None:
    problems = list(_problems(form, None))
    lines = [problem.line(code) for problem in problems for code in (problem.code, problem.empty)]
    found = [judged.verdict.outcome for judged in judge_lines(lines, Means())]
    assert found == ["passed", "failed"] * len(problems) and len(problems) >= 10


def test_every_function_is_emptied() -> None:
    assert emptied("x = 1\ndef f(a):\n    return a\n") == "x = 1\n\ndef f(a):\n    return None"


def test_a_file_may_be_packed_or_a_list(tmp_path: Path) -> None:
    row = {
        "task_id": 7,
        "code": "def f(): return 1",
        "test_list": ["assert f() == 1"],
        "test_imports": ["import re"],
    }
    packed, listed = tmp_path / "a.jsonl.gz", tmp_path / "b.json"
    packed.write_bytes(gzip.compress(json.dumps(row).encode()))
    listed.write_text(json.dumps([row]))
    for path in (packed, listed):
        assert [problem.tests for problem in _problems("mbpp", path)] == [("import re", "assert f() == 1")]
    with pytest.raises(BenchFailed, match="does not hold humaneval problems"):
        list(_problems("humaneval", listed))
