"""Match: any of what is expected, none of what is forbidden, whatever the case or accents."""

from __future__ import annotations

import pytest

from dormouse.verifiers.abc import Claim
from dormouse.verifiers.errors import UnusableCheck, VerifierError
from dormouse.verifiers.match import Match, holds, plain


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Your dog is called ZORBAL.", "zorbal"),
        ("You live in Tromsø.", "Tromso"),
        ("You live in Tromso.", "Tromsø"),
        ("Her name is Zoë.", "zoe"),
        ("It's on the 9th.", "9th"),
        ("That\u2019s the fisherman\u2019s hut", "fisherman's"),
        ("the Straße", "STRASSE"),
        ("\uff2f\uff53\uff4c\uff4f", "Oslo"),
        ("It costs 3,50.", "3,50"),
    ],
)
def test_spelling_does_not_matter(text: str, wanted: str) -> None:
    assert holds(text, wanted)


@pytest.mark.parametrize(
    ("text", "wanted"), [("Your dog is Rex.", "Zorbal"), ("", "Rex"), ("Os lo", "Oslo"), ("Re-x", "Rex")]
)
def test_other_words_do(text: str, wanted: str) -> None:
    assert not holds(text, wanted)


def judged(text: str, expect: tuple[str, ...] = (), forbid: tuple[str, ...] = ()) -> str:
    return Match().judge(Claim(text, expect=expect, forbid=forbid)).outcome


def test_any_of_what_is_expected_will_do() -> None:
    assert judged("She is 42.", ("forty-two", "42")) == "passed"
    assert judged("She is 43.", ("forty-two", "42")) == "failed"


def test_none_of_what_is_forbidden_will() -> None:
    assert judged("It was Bergen, it is Oslo.", ("Oslo",), ("Bergen",)) == "failed"
    assert judged("It is Oslo.", ("Oslo",), ("Bergen",)) == "passed"
    assert judged("No idea.", (), ("Bergen", "Oslo")) == "passed"


def test_the_evidence_names_the_words() -> None:
    claim = Claim("It is Bergen.", expect=("Oslo",), forbid=("Bergen",))
    assert "'Bergen'" in Match().judge(claim).evidence
    assert "'Oslo'" in Match().judge(Claim("It is Bergen.", expect=("Oslo",))).evidence


def test_a_check_that_cannot_fail_is_refused() -> None:
    with pytest.raises(UnusableCheck) as caught:
        Match().judge(Claim("anything"))
    assert isinstance(caught.value, VerifierError)
    assert caught.value.exit_code == 2


def test_plain_keeps_what_is_no_accent() -> None:
    assert plain("Ångström 9-ÅÖ!") == "angstrom 9-ao!"
