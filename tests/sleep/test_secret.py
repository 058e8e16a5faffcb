"""Secrets: twenty-odd kinds are seen wherever they stand in a turn, and ordinary words are not."""

from __future__ import annotations

import pytest
from secret_turns import SECRETS, TOLD

from dormouse.sleep.secret import MASK, iban, luhn, masked, names_a_secret, secret_spans


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("frame", ["{}", "I was given {} today, and my dog is Rex.", "note {}; keep it"])
def test_a_secret_is_seen_and_masked(kind: str, frame: str) -> None:
    shown = masked(frame.format(SECRETS[kind]))
    assert MASK in shown
    assert SECRETS[kind] not in shown
    if "Rex" in frame:
        assert "Rex" in shown


@pytest.mark.parametrize(("turn", "secret"), [(t, s) for t, s in TOLD.items() if s])
def test_what_is_told_as_a_password_is_seen(turn: str, secret: str) -> None:
    assert secret not in masked(turn)


INNOCENT = (
    "My pass for the museum is annual.",
    "My bus pass is yellow and expires in May.",
    "My ski pass is valid until April.",
    "My pass is expired.",
    "The password game on TV is my favourite show.",
    "I forgot my password. The dog is called Rex.",
    "I forgot my password. I was born in 1984.",
    "My social life is 2 friends and a cat.",
    "My social worker is called Anna.",
    "My phone is a Pixel 8 Pro.",
    "I have a Samsung Galaxy S23 with 256 gigabytes.",
    "I take the 482 bus to work.",
    "The number 137 tram stops outside my house.",
    "My flat is number 4111 on the third floor.",
    "We live behind door 12.",
    "My birthday is 14 March 1987.",
    "I moved here in 2019.",
    "My marathon time is 3:45:12.",
    "I ran ten kilometres in 48 minutes 21.",
    "My wifi is called Skynet.",
    "Our wifi network is named PrettyFlyForAWifi.",
    "The wifi in the office is slow.",
    "My zip code is 90210.",
    "Our postcode is LS6 2AB and the area code is 0113.",
    "The dress code is black tie.",
    "The museum opens at 10.30 with 200 visitors waiting.",
    "The shop opens with 300 guests.",
    "The 12 words I learnt in French today were hard to say.",
    "My wallet is brown leather and has three pockets.",
    "I lost my wallet on the bus yesterday with twenty euros and some photos inside.",
    "My locker is number 214 at the gym.",
    "My bike lock is 120 centimetres long.",
    "Error code 404 is what the site shows.",
    "My card is from my aunt Bea.",
    "I got my driving licence in 1998.",
    "My library card is green.",
    "I played one two three go with the kids.",
    "The key to the shed is under the blue pot.",
    "My dog's name is Code.",
    "My course code is CS101.",
    "I have a pin collection of 350 badges.",
    "My seed potatoes are planted in four rows.",
    "The secret of my soup is celery.",
    "My insurance is with Allianz.",
    "We open with 442 at football.",
    "My national team is Portugal.",
    "I changed my phone to Android last year.",
    "My code review took 3 hours.",
    "I count one two three four five when I am nervous.",
    "He asked me about my PIN. My cat slept.",
    "I buy bread everywhere but The Rolling Pin, fine, that's the one I can't give up.",
    "My favourite film is Se7en and my album is 1989.",
)


@pytest.mark.parametrize("turn", INNOCENT)
def test_what_only_sounds_like_a_secret_is_none(turn: str) -> None:
    assert [turn[span.start : span.end] for span in secret_spans(turn)] == []


@pytest.mark.parametrize(
    "turn",
    [
        "I live in Leeds and my dog is Rex. The key to happiness is sleep.",
        "I forgot my password. The dog is called Rex.",
        "My phone has 128 gigabytes and my flat is number 4111.",
        "We met on 2019-05-04 at 12 Harbour Street, 0044 is the prefix.",
        "My secret is that I love Bach.",
        "Supercalifragilisticexpialidocious is my favourite word",
    ],
)
def test_ordinary_words_are_no_secret(turn: str) -> None:
    assert secret_spans(turn) == []


def test_check_digits() -> None:
    assert luhn("4111 1111 1111 1111")
    assert not luhn("4111 1111 1111 1112")
    assert not luhn("0000 0000 0000 0000")
    assert iban("GB82 WEST 1234 5698 7654 32")
    assert not iban("GB83 WEST 1234 5698 7654 32")


def test_some_things_are_secret_whatever_their_value() -> None:
    assert names_a_secret("user", "wifi password")
    assert names_a_secret("bank card", "PIN")
    assert names_a_secret("phone", "code")
    assert names_a_secret("user", "pass")
    assert not names_a_secret("user", "bus pass")
    assert not names_a_secret("home", "zip code")
    assert not names_a_secret("dog", "name")
