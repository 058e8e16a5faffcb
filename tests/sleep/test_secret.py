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
    assert not names_a_secret("dog", "name")
