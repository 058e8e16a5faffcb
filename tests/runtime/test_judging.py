"""Judging lines: what a verifier that breaks on one of them costs the others."""

from __future__ import annotations

import pytest

from dormouse.runtime import judging
from dormouse.runtime.judging import judge_lines
from dormouse.verifiers.abc import Claim, Means, Verdict, Verifier
from dormouse.verifiers.errors import SandboxBroke
from dormouse.verifiers.lines import Line

_BREAKS = {"sandbox": SandboxBroke("bubblewrap", "it was killed"), "code": KeyError("colour")}


class Brittle(Verifier):
    """Breaks on some claims."""

    name = "brittle"

    def judge(self, claim: Claim) -> Verdict:
        if claim.text in _BREAKS:
            raise _BREAKS[claim.text]
        return Verdict("passed", "it holds")


def test_a_line_that_breaks_its_verifier_is_unsure_and_the_others_are_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judging, "_built", lambda name, settings, means: Brittle())
    lines = [Line(text, "brittle", Claim(text)) for text in ("a", "sandbox", "code", "b")]
    found = [judged.verdict for judged in judge_lines(lines, Means(), cores=2)]
    assert [verdict.outcome for verdict in found] == ["passed", "unsure", "unsure", "passed"]
    assert found[1].evidence == "The sandbox bubblewrap does not stand: it was killed."
    assert found[2].evidence == "The verifier brittle broke: KeyError: 'colour'"
