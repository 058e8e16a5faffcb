"""What is said to be over holds no more, though nobody denies it."""

from __future__ import annotations

import pytest

from dormouse.sleep.denials import denied_in
from dormouse.sleep.kinds import Fact

JONAS = ("boyfriend", "name", "Jonas Berg")
NURSE, TESCO = ("user", "job", "nurse"), ("user", "employer", "Tesco")
SAAB, CELLO = ("car", "make", "Saab"), ("user", "instrument", "cello")


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (JONAS, "Jonas and I broke up."),
        (JONAS, "My boyfriend and I have split up, it was time."),
        (JONAS, "I finally broke up with Jonas Berg last week."),
        (JONAS, "I've left my boyfriend."),
        (JONAS, "Jonas has dumped me."),
        (JONAS, "Jonas and I are no longer together."),
        (("wife", "name", "Ann"), "Ann and I got divorced in May."),
        (NURSE, "I quit my job."),
        (NURSE, "I've quit my job as a nurse."),
        (NURSE, "I have retired at last."),
        (TESCO, "I was laid off yesterday."),
        (TESCO, "I lost my job on Friday."),
        (TESCO, "I left Tesco last month."),
        (("user", "home city", "Linz"), "We've moved out of Linz."),
        (CELLO, "I've given up the cello."),
        (SAAB, "I sold the Saab."),
        (SAAB, "We finally got rid of our car."),
        (("user", "car", "Saab"), "I sold my old car last week."),
    ],
)
def test_what_is_over_holds_no_more(fact: Fact, said: str) -> None:
    assert denied_in(fact, f"Hello. {said}", {}) == said


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (JONAS, "Jonas and I broke up the chocolate."),
        (JONAS, "Jonas left me a note."),
        (JONAS, "I left Jonas at the station."),
        (JONAS, "Did Jonas and I break up?"),
        (JONAS, "If Jonas and I broke up, I'd move."),
        (JONAS, "My sister says Jonas and I broke up."),
        (JONAS, "My sister and her boyfriend broke up."),
        (JONAS, "Tom and I broke up."),
        (("sister", "name", "Ann"), "Ann and I split up at the market."),
        (("dog", "name", "Rex"), "Our dog Rex died."),
        (NURSE, "I quit my job as a waiter."),
        (NURSE, "My brother quit his job."),
        (NURSE, "I quit my job in banking to become a nurse."),
        (NURSE, "I left my job ten years ago."),
        (NURSE, "I quit my job in banking."),
        (JONAS, "Before Jonas I was married: Ann and I divorced in 2009."),
        (NURSE, "I never quit my job."),
        (NURSE, "I left my job application on the bus."),
        (TESCO, "I left Tesco with two bags."),
        (TESCO, "I was fired up today."),
        (("user", "home city", "Linz"), "We moved out of Linz station slowly."),
        (("user", "hobby", "chess"), "I gave up the cello."),
        (CELLO, "I gave up smoking."),
        (SAAB, "I sold the Saab's radio."),
        (SAAB, "My brother sold his Saab."),
        (SAAB, "Imagine I sold the Saab."),
        (("user", "job", ""), "I quit my job."),
    ],
)
def test_what_only_sounds_like_it_goes_on(fact: Fact, said: str) -> None:
    assert denied_in(fact, said, {}) is None
