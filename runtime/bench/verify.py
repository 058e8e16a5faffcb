"""What the `tests` verifier is worth and what it costs: reference solutions pass, empty ones fail, how fast,
and how soon after its limit a hostile program is gone.

Promise: every problem is judged twice, with its reference solution and with `return None` in its place.
Its cost is set against starting Python and ending it, in turns, so that a busy moment hits both. Knows the
forms of HumanEval and MBPP; holds problems of its own in both, and none of theirs.
"""

from __future__ import annotations

import ast
import gzip
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from ...verifiers.abc import Claim, Means
from ...verifiers.cores import usable_cores
from ...verifiers.lines import Line
from ...verifiers.sandbox.choose import open_sandbox
from ...verifiers.tests import GivenTests
from ..errors import BenchFailed
from ..judging import judge_lines
from ..spec import Spec
from .hostile import lateness
from .report import BenchReport, Say, figures_of, gathered, surroundings, target

Form = Literal["humaneval", "mbpp"]
_PAIRS = 40
_BATCH = 64
_LATEST_S = 1.0


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: its reference solution, the same with nothing in it, and its tests."""

    id: str
    code: str
    empty: str
    tests: tuple[str, ...]
    entry_point: str = ""

    def line(self, code: str) -> Line:
        fields = {"code": code, "tests": self.tests, "entry_point": self.entry_point}
        return Line(self.id, GivenTests.name, Claim("", fields=fields))


def bench_verify(spec: Spec, files: Mapping[Form, Path | None], say: Say) -> BenchReport:
    """Judges the problems in `files`, or those that come with Dormouse. Raises BenchFailed."""
    where, started = surroundings(spec), time.perf_counter()
    means, cores = Means(spec.sandbox), spec.verify.cores or usable_cores()
    say(f"code runs under {open_sandbox(spec.sandbox).name}, {cores} at a time")
    runs: list[dict[str, Any]] = []
    for form, path in files.items():
        problems = list(_problems(form, path))
        for kind, wanted in (("reference", "passed"), ("empty", "failed")):
            lines = [p.line(p.code if kind == "reference" else p.empty) for p in problems]
            found = list(judge_lines(lines, means, cores))
            wrong = [each.as_json() for each in found if each.verdict.outcome != wanted]
            share = 1 - len(wrong) / len(found)
            runs.append({"form": form, "kind": kind, "problems": len(found), "share": share, "wrong": wrong})
            say(f"{form}, {kind} solutions: {len(found) - len(wrong)} of {len(found)} {wanted}")
    late = _late(spec, say)
    verify_s, python_s = _costs(spec)
    one, all_of_them = (_throughput(spec, number) for number in (1, cores))
    figures = figures_of(
        {
            **{f"{run['form']}_{run['kind']}_right": [run["share"]] for run in runs},
            "late_s": late.values(),
            "latest_s": [_latest(late)],
            "verify_ms": [1000 * seconds for seconds in verify_s],
            "python_ms": [1000 * seconds for seconds in python_s],
            "cost_of_python_starts": [statistics.median(verify_s) / statistics.median(python_s)],
            "verdicts_per_s_one_core": [one],
            "verdicts_per_s": [all_of_them],
            "speedup_per_core": [all_of_them / one / cores],
        }
    )
    targets = [
        *(target(figures, f"{run['form']}_{run['kind']}_right", "at least", 1.0) for run in runs),
        target(figures, "latest_s", "at most", _LATEST_S),
        target(figures, "cost_of_python_starts", "at most", 2.0),
        target(figures, "speedup_per_core", "at least", 0.75),
    ]
    seconds = time.perf_counter() - started
    return gathered("verify", where, spec, (0,), seconds, figures, targets, runs)


def _problems(form: Form, path: Path | None) -> Iterator[Problem]:
    """Those of a file (.jsonl, .json, either with .gz), else our own."""
    try:
        if path is None:
            text = (resources.files(__package__) / "problems" / f"{form}.jsonl").read_text()
        else:
            text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        rows = json.loads(text) if text.lstrip().startswith("[") else list(map(json.loads, text.splitlines()))
        made = [_humaneval(row) if form == "humaneval" else _mbpp(row) for row in rows if row]
    except OSError as error:
        raise BenchFailed(
            "verify", f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise BenchFailed("verify", f"{path} does not hold {form} problems ({error!r})") from None
    if not made:
        raise BenchFailed("verify", f"{path} holds no problems")
    yield from made


def _humaneval(row: Mapping[str, Any]) -> Problem:
    prompt = row["prompt"]
    return Problem(
        str(row["task_id"]),
        prompt + row["canonical_solution"],
        prompt + "    return None\n",
        (row["test"],),
        row["entry_point"],
    )


def _mbpp(row: Mapping[str, Any]) -> Problem:
    setup = (row.get("test_setup_code", ""), *row.get("test_imports", ()))
    tests = tuple(text for text in (*setup, *row["test_list"]) if text)
    return Problem(str(row["task_id"]), row["code"], emptied(row["code"]), tests)


def emptied(code: str) -> str:
    """`code` with `return None` for the body of each of its functions."""
    tree = ast.parse(code)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Return(ast.Constant(None))]
    return ast.unparse(ast.fix_missing_locations(tree))


def _late(spec: Spec, say: Say) -> dict[str, float | None]:
    """For each hostile program how many seconds past its limit it lived; None where that was not seen."""
    late = {program.name: ended.late_s for program, ended in lateness(spec.sandbox)}
    if not late:
        say("hostile programs are not run, for nothing would hold them in")
    elif (latest := _latest(late)) is None:
        stayed = [name for name, seconds in late.items() if seconds is None]
        say(f"hostile programs: not seen to go: {', '.join(stayed)}")
    else:
        say(f"hostile programs: the last of {len(late)} was gone {latest:.2f} s after its limit")
    return late


def _latest(late: Mapping[str, float | None]) -> float | None:
    known = [seconds for seconds in late.values() if seconds is not None]
    return max(known) if late and len(known) == len(late) else None


def _costs(spec: Spec) -> tuple[Sequence[float], Sequence[float]]:
    """Seconds of one verdict, and of starting Python and ending it, in turns."""
    verifier, problem = GivenTests(spec.sandbox), next(_problems("humaneval", None))
    claim = problem.line(problem.code).claim
    verify_s, python_s = [], []
    for _ in range(_PAIRS):
        started = time.perf_counter()
        verifier.judge(claim)
        verify_s.append(time.perf_counter() - started)
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
        python_s.append(time.perf_counter() - started)
    return verify_s, python_s


def _throughput(spec: Spec, cores: int) -> float:
    """Verdicts a second."""
    problem = next(_problems("humaneval", None))
    started = time.perf_counter()
    found = list(judge_lines([problem.line(problem.code)] * _BATCH, Means(spec.sandbox), cores))
    return len(found) / (time.perf_counter() - started)
