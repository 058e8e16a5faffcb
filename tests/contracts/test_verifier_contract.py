"""What every verifier keeps: a verdict for each claim it can read, evidence, its time, and nothing
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contracts.verifiers import Sample, samples

from dormouse.verifiers.abc import Claim, Verdict, Verifier
from dormouse.verifiers.compose import KINDS
from dormouse.verifiers.errors import UnusableCheck
from dormouse.verifiers.registry import BUILT_IN

NAMES = sorted({*BUILT_IN, *KINDS})


@pytest.fixture(params=NAMES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    return samples(tmp_path)[request.param]


@pytest.fixture
def verifier(sample: Sample) -> Iterator[Verifier]:
    built = sample.build()
    yield built
    built.close()
    built.close()


def test_there_is_a_sample_of_every_verifier(tmp_path: Path) -> None:
    found = samples(tmp_path)
    assert sorted(found) == NAMES
    assert [name for name, each in found.items() if each.build().name != name] == []


def test_claims_get_the_verdict_they_deserve(verifier: Verifier, sample: Sample) -> None:
    for outcome, claims in (("passed", sample.passes), ("failed", sample.fails), ("unsure", sample.unsure)):
        for claim in claims:
            verdict = verifier.judge(claim)
            assert verdict.outcome == outcome, (claim, verdict)
            assert isinstance(verdict, Verdict) and verdict.passed == (outcome == "passed")
            assert verdict.evidence and "\n" not in verdict.evidence
            assert 0 <= verdict.seconds < 60 and verdict.cpu_s >= 0 and verdict.tokens >= 0


def test_a_check_that_can_judge_nothing_is_refused(verifier: Verifier, sample: Sample) -> None:
    for claim in sample.unusable:
        with pytest.raises(UnusableCheck):
            verifier.judge(claim)


def test_threads_may_share_it(verifier: Verifier, sample: Sample) -> None:
    claims = [*sample.passes, *sample.fails][:4] or list(sample.unsure)
    alone = [verifier.judge(claim).outcome for claim in claims]
    with ThreadPoolExecutor(3) as pool:
        assert [verdict.outcome for verdict in pool.map(verifier.judge, claims)] == alone


def test_a_claim_is_left_as_it_was(verifier: Verifier, sample: Sample) -> None:
    for claim in (*sample.passes, *sample.fails)[:3]:
        before = repr(claim)
        verifier.judge(claim)
        assert repr(claim) == before


def test_it_says_what_it_reads(verifier: Verifier) -> None:
    assert verifier.keys and all(key.isidentifier() for key in verifier.keys)


def test_composed_evidence_names_who_said_it(tmp_path: Path) -> None:
    found = samples(tmp_path)["all"]
    assert found.build().judge(Claim("Rome", expect=("oslo",))).evidence == "match: holds none of 'oslo'"
