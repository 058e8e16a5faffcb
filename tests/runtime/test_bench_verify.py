"""`bench verify`: its problems, the forms it reads, and what it makes of an empty solution."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Literal

import pytest

from dormouse.runtime.bench import verify
from dormouse.runtime.bench.hostile import hostile_programs, lateness
from dormouse.runtime.bench.verify import _latest, _problems, emptied
from dormouse.runtime.errors import BenchFailed
from dormouse.runtime.judging import judge_lines
from dormouse.runtime.spec import Spec
from dormouse.verifiers.abc import Means
from dormouse.verifiers.sandbox.abc import Ended
from dormouse.verifiers.settings import SandboxSettings


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


def test_hostile_programs_are_not_run_where_nothing_holds_them() -> None:
    assert list(lateness(SandboxSettings(kind="none"))) == []


def test_how_long_hostile_programs_outlive_their_limit_is_a_figure_with_a_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, *_ = hostile_programs()
    ended = [(first, Ended("timeout", {}, 2.0, late_s=0.25)), (second, Ended("timeout", {}, 2.0, late_s=1.5))]
    monkeypatch.setattr(verify, "lateness", lambda settings: ended)
    monkeypatch.setattr(verify, "_costs", lambda spec: ([0.1], [0.1]))
    monkeypatch.setattr(verify, "_throughput", lambda spec, cores: 1.0)
    said: list[str] = []
    report = verify.bench_verify(Spec(), {}, said.append)
    (aim,) = (target for target in report.targets if target.figure == "latest_s")
    assert (aim.bound, aim.value, aim.got, aim.met) == ("at most", 1.0, 1.5, False)
    assert report.figures["late_s"].mean == 0.875
    assert "hostile programs: the last of 2 was gone 1.50 s after its limit" in said


def test_a_program_not_seen_to_go_leaves_the_figure_unmeasured() -> None:
    assert _latest({"a": 0.1, "b": 0.2}) == 0.2
    assert _latest({"a": 0.1, "b": None}) is None
    assert _latest({}) is None
