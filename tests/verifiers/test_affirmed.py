"""Affirmed: what is denied or only wished for is no fact, and a denial that is the fact stays one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dormouse.sleep.filter import Rules, filter_candidates
from dormouse.sleep.records import Candidate
from dormouse.sleep.settings import CompactSettings
from dormouse.verifiers.abc import Claim, Verdict
from dormouse.verifiers.affirmed import Affirmed
from dormouse.verifiers.built_in import named


def judged(value: str, source: str, attribute: str = "") -> Verdict:
    return Affirmed().judge(Claim(value, source=source, fields={"value": value, "attribute": attribute}))


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("nuts", "I'm not allergic to nuts, I was tested."),
        ("nuts", "I\u2019m not allergic to nuts."),
        ("Oslo", "I no longer live in Oslo."),
        ("Oslo", "I don't live in Oslo any more."),
        ("Rex", "We don't have a dog called Rex any more."),
        ("Rex", "My dog isn't called Rex."),
        ("Rex", "Is it true that my dog is called Rex?"),
        ("Rex", "It's not true that my dog is called Rex."),
        ("vet", "I never worked as a vet."),
        ("cello", "I stopped playing the cello last year."),
        ("chess", "We don't play chess any more."),
        ("vet", "I'm not a vet, I'm a nurse."),
        ("Post Office", "I've never worked at the Post Office."),
        ("Oslo", "I'd love to live in Oslo one day."),
        ("Volvo", "I wish I had a Volvo."),
    ],
)
def test_what_is_denied_or_wished_for_is_unsure(value: str, source: str) -> None:
    verdict = judged(value, source)
    assert verdict.outcome == "unsure"
    assert "denied" in verdict.evidence or "wished" in verdict.evidence


@pytest.mark.parametrize(
    ("value", "attribute", "source"),
    [
        ("nurse", "job", "I'm not a vet, I'm a nurse."),
        ("nuts", "allergy", "I can't eat nuts."),
        ("meat", "diet", "I don't eat meat."),
        ("walnuts", "allergy", "We never have walnuts in the house because of our son."),
        ("olives", "hated food", "I never eat olives."),
        ("olives", "disliked food", "I'm not a fan of olives."),
        ("Oslo", "former city", "I no longer live in Oslo."),
        ("cello", "childhood instrument", "I stopped playing the cello at ten."),
        ("Plim", "name", "I stopped playing with my cat Plim."),
        ("Oslo", "dream destination", "I'd love to visit Oslo."),
        ("to own a boat", "goal", "I'd love to own a boat."),
        ("Rex", "name", "Did I tell you my dog is called Rex?"),
        ("Rex", "name", "Rex isn't allowed on the sofa, not even on Sundays."),
        ("genmaicha", "favourite tea", "If your cafe doesn't have genmaicha I drink water."),
        ("vet", "job", "I'm not only a vet but a nurse too."),
        ("Oslo", "home city", "Not that it matters, but I live in Oslo."),
        ("", "", "I'm not here."),
    ],
)
def test_what_is_true_passes_whatever_else_is_denied(value: str, attribute: str, source: str) -> None:
    assert judged(value, source, attribute).passed


def test_the_filter_learns_no_allergy_that_is_denied_and_knows_a_former_city() -> None:
    told = [
        Candidate("user", "allergy", "nuts", "I'm not allergic to nuts, I was tested.", 1, "x"),
        Candidate("user", "former city", "Oslo", "I no longer live in Oslo.", 2, "x"),
    ]
    rules = Rules(CompactSettings(), named(["support", "fiction", "affirmed"]))
    outcome = filter_candidates(told, [], rules, "n0001", datetime(2026, 1, 2, tzinfo=UTC))
    assert [memory.value for memory in outcome.admitted] == ["Oslo"]
    assert next((v.ruling, v.reason) for v in outcome.verdicts) == (
        "unverified",
        'it is denied in the words "\'m not"',
    )
