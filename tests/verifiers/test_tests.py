"""The `tests` verifier: the forms of test it takes, and the ways of passing without being right that it
does not.
"""

from __future__ import annotations

import pytest
from programs import Program, programs

from dormouse.verifiers.abc import Claim, Verdict
from dormouse.verifiers.errors import UnusableCheck
from dormouse.verifiers.settings import SandboxSettings
from dormouse.verifiers.tests import GivenTests

VERIFIER = GivenTests(SandboxSettings(timeout_s=120))
RIGHT, FAKES = programs("right"), programs("fakes")
ADD = "def add(a, b):\n    return a + b\n"


def judged(code: str, tests: object, **fields: object) -> Verdict:
    return VERIFIER.judge(Claim("", fields={"code": code, "tests": tests, **fields}))


@pytest.mark.parametrize("program", RIGHT, ids=str)
def test_right_code_passes(program: Program) -> None:
    code, _, tests = program.text.partition("\n----\n")
    fields = dict(part.split("=", 1) for part in program.rest)
    verdict = judged(code, tests, **fields)
    assert verdict.outcome == "passed", verdict.evidence


CHECK = "assert f(2) == 3\nassert abs(f(4) - 5) < 1e-6\nassert f(1) in [2]\nassert not f(-1)"


@pytest.mark.parametrize("program", FAKES, ids=str)
def test_fakes_do_not_pass(program: Program) -> None:
    verdict = judged(program.text, CHECK)
    assert verdict.outcome == "failed", verdict.evidence


@pytest.mark.parametrize("program", FAKES, ids=str)
def test_fakes_do_not_pass_a_check_of_one_candidate(program: Program) -> None:
    tests = "def check(candidate):\n    assert candidate(2) == 3, 'adds one'\n    assert candidate(7) == 8"
    assert judged(program.text, tests, entry_point="f").outcome == "failed"


def test_the_tests_can_fail_by_this_very_check() -> None:
    assert judged("def f(x): return x + 1", CHECK).outcome == "passed"


def test_a_guard_stands_before_what_the_tests_hand_over() -> None:
    """The code may call a function that it was given, and look into nothing behind it."""
    code = (
        "def f(g, op, *rest):\n"
        "    try: return g._peer.ask(op, g, *rest)\n"
        "    except TypeError as error: return 'refused' if 'not allowed' in str(error) else 'done'\n"
    )
    tests = (
        "for name in ('__globals__', '__code__', '__class__'):\n"
        "    assert f(lambda: 1, 'get', name) == 'refused', name\n"
        "    assert f(lambda: 1, 'set', name, 1) == 'refused', name\n"
        "assert f((x for x in [1]), 'get', 'gi_frame') == 'refused'\n"
        "assert f(lambda: 1, 'item', 0) == f(lambda: 1, 'await') == 'refused'\n"
        "assert f(lambda: 1, 'name', 'open') == 'refused'\n"
        "assert f(lambda: 7, 'call', (), {}) == 7\n"
    )
    assert judged(code, tests).outcome == "passed"


def test_tests_that_never_use_the_code_leave_it_unsure() -> None:
    assert judged("def f(): pass", "assert True").outcome == "unsure"


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("def tokenize(s): return s.split()", "assert tokenize('a b') == ['a', 'b']"),
        (
            "def bisect(xs, x): return xs.index(x)",
            "from solution import bisect\nassert bisect([4, 5], 5) == 1",
        ),
        ("def copy(x): return [x, x]", "import solution\nassert solution.copy(1) == [1, 1]"),
        ("def random(seed): return 4", "def check(candidate):\n    assert candidate(1) == 4"),
        ("class trace:\n    def total(self): return 7", "assert trace().total() == 7"),
        ("class P: name = 'x'\nplatform = P()", "assert platform.name == 'x'"),
        ("from datetime import datetime\ndef f(): return 1", "assert datetime(f(), 1, 1).year == 1"),
        ("from datetime import time\ndef f(): return 1", "assert time(f()).hour == 1"),
        ("import math\ndef f(): return 2.0", "assert math.isclose(f(), math.sqrt(4))"),
    ],
)
def test_a_name_that_a_module_of_pythons_has_too_is_the_codes(code: str, tests: str) -> None:
    verdict = judged(code, tests, entry_point="random" if "candidate" in tests else "")
    assert verdict.outcome == "passed", verdict.evidence


@pytest.mark.parametrize("tests", ["assert math.isclose(f(1), 2)", "assert copy.copy(f(1)) == 2"])
def test_a_module_that_the_tests_use_is_never_the_codes_own(tests: str) -> None:
    fake = (
        "class Fake:\n"
        "    def isclose(self, *given): return True\n"
        "    def copy(self, given): return 2\n"
        "math = copy = Fake()\n"
        "def f(x): return None\n"
    )
    assert judged(fake, tests).outcome == "failed"


@pytest.mark.parametrize("tests", ["", "   ", [], "assert f( == 1", "def check(candidate): pass"])
def test_tests_that_cannot_be_used_are_refused(tests: object) -> None:
    with pytest.raises(UnusableCheck):
        judged("x = 1", tests)


def test_evidence_names_the_line_and_the_last_call() -> None:
    verdict = judged("def f(x): return x * 2", "assert f(0) == 0\nassert f(1) == 3")
    assert (
        verdict.evidence
        == "line 2 of the tests, `assert f(1) == 3`, does not hold; the last call f(1) gave 2"
    )
    assert verdict.seconds > 0 and verdict.cpu_s > 0


def test_a_verdict_is_the_same_each_time() -> None:
    code = "def f(): return list({'a', 'b', 'c', 'd', 'e'})"
    assert len({judged(code, "assert f() == 0").evidence for _ in range(4)}) == 1


def test_tests_may_be_a_list() -> None:
    assert judged(ADD, ["assert add(1, 2) == 3", "assert add('a', b='b') == 'ab'"]).outcome == "passed"
    assert judged(ADD, ["assert add(1, 2) == 3", "assert add(1, 2) == 4"]).outcome == "failed"


def test_what_never_ends_is_ended() -> None:
    verifier = GivenTests(SandboxSettings(timeout_s=1))
    verdict = verifier.judge(Claim("", fields={"code": "def f():\n    while True: pass", "tests": "f()"}))
    assert (verdict.outcome, verdict.evidence) == ("failed", "still running after 1 s")
