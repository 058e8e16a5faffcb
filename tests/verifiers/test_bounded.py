"""Processes that compute for verifiers: as many at once as there are cores."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dormouse.verifiers import bounded
from dormouse.verifiers.abc import Claim, Verifier
from dormouse.verifiers.arithmetic import Arithmetic
from dormouse.verifiers.schema import Schema


@pytest.mark.parametrize(
    ("kind", "claim"),
    [
        (Schema, Claim("1", fields={"schema": {"type": "integer"}})),
        (Arithmetic, Claim("sqrt(8) = 2 * sqrt(2)")),
    ],
)
def test_two_cores_judge_two_claims_at_the_same_time(
    kind: type[Verifier], claim: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, read = threading.Barrier(2), bounded._line

    def together(*given: Any) -> bytes:
        both.wait(60)  # broken where one has to wait for the other
        return read(*given)

    monkeypatch.setattr(bounded, "_line", together)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})
    verifier = kind()
    try:
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(verifier.judge, [claim, claim]))
    finally:
        verifier.close()
    assert [verdict.outcome for verdict in found] == ["passed", "passed"]
    assert all(verdict.cpu_s > 0 for verdict in found)


def test_a_process_that_gets_ready_too_late_judges_nothing_and_the_next_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verifier, claim = Schema(), Claim("1", fields={"schema": {"type": "integer"}})
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr(bounded, "_START_S", 0.0)
            assert verifier.judge(claim).outcome == "unsure"
        assert verifier.judge(claim).outcome == "passed"
    finally:
        verifier.close()
