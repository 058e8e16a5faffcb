"""Secrets in a turn: keys, tokens, card and account numbers, passwords.

Promise: a stretch that detect-secrets' detectors, a check digit, high entropy or the user's own words ("my
password is ...") give away is marked, by what it is and never with its text. Pure; sends nothing anywhere.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from .spans import Span, merged, replaced

MASK = "[secret]"
_WINDOW = 1500  # characters read at a time, so that no text takes long
_OVERLAP = 300

_STRONG = (
    r"pass ?-?(?:words?|phrases?|codes?|wd)|pwd|pin(?: ?-?(?:code|number))?|cvv2?|cvc2?|security code"
    r"|seed phrase|recovery (?:phrase|codes?|key|words)|secret (?:word|phrase|answer|key)"
    r"|api[ -]?(?:key|token)"
    r"|access (?:key|token|code)|auth(?:entication|orisation|orization)? (?:key|token|code)|private key"
    r"|encryption key|signing key|bearer token|refresh token|client secret|licen[cs]e key|product key"
    r"|(?:wi-?fi|wlan|network|router) (?:key|code)"
    r"|(?:door|gate|alarm|entry|garage|safe|locker|lock|unlock|vault|verification|one[- ]time|2fa|otp|backup)"
    r" (?:codes?|combination|pin)|combination(?: lock)?|otp"
    r"|social security(?: number)?|ssn|national insurance(?: number)?|nino|passport (?:number|no\.?)"
    r"|driv(?:er'?s|ing) licen[cs]e (?:number|no\.?)|tax (?:id|number|file number)"
    r"|(?:bank )?account number|sort code|routing number|(?:credit|debit|bank) card(?: number)?"
    r"|card number|iban|puk(?: code)?|memorable (?:word|place|date)|maiden name|security (?:question|answer)"
)
_WEAK = r"token|secret|credentials?|login|key|code|hash|cookie|session id"
_JOINED = r"(?:\s*(?:is|was|are|being|=|:|->|reads|set to|will be|should be|now|'s|\u2019s|just)\s*)+"
_OF_WHAT = r"(?:\s+(?:for|to|of|on|at|in)\s+(?:[\w'.-]+\s+){0,5}?[\w'.-]+)?"
_TELLING = re.compile(
    rf"\b(?:{_STRONG})\b{_OF_WHAT}{_JOINED}(?P<value>[^\n]*?)"
    r"(?=[.!?](?:\s|$)|[,;]\s|\s(?:and|but|so|which|because)\s|\n|$)",
    re.I,
)
_HINTING = re.compile(rf"\b(?:{_WEAK})\b{_OF_WHAT}{_JOINED}(?P<value>[^\s,;]+)", re.I)
_BEFORE = re.compile(
    rf"(?P<value>[^\s,;]{{3,}})\s+(?:is|was|as|for|=)\s+(?:my|the|our|a|your|his|her|their)\s+(?:[\w-]+\s+){{0,3}}?"
    rf"(?:{_STRONG})\b",
    re.I,
)
_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s|$)|\n|$)")
_WORD = re.compile(r"\d[\d -]*\d|[^\s,;:()\"']+")
_LEAST_DIGITS = 3
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_NUMBERED = re.compile(
    r"\b(?:passport|disarm\w*|acct|account|sin|nino?|ni number|nhs|medicare|tax|visa|mastercard|amex|atm"
    r"|cash machine)\b",
    re.I,
)
_WHOLE = re.compile(
    r"\buser(?:name)?s? (?:and|/|&) pass|\blogin\b.{0,40}\bpassword\b|\blogin details\b|\bcredentials\b"
    r"|\b(?:seed|wallet|recovery|mnemonic) (?:phrase|words)\b",
    re.I,
)
_NO_PASSWORD = (
    r"is|was|are|for|to|of|on|at|in|and|or|but|again|reset|manager|protected|that|the|my|you|i|it|so|because|yesterday"
    r"|today|now|hint|field|prompt|changed?|policy|with|from|as|just|set|will|should|be|being|reads|by|somewhere"
    r"|anywhere|please|every\w*|twice|once|here|there|box"
)
_NEXT = re.compile(
    rf"\bpass ?-?(?:words?|phrases?|codes?)\s+(?!(?:{_NO_PASSWORD})\b)(?P<value>[^\s.,;:!?]+)"
    rf"|\bpass ?-?(?:words|phrases|codes) are\s(?P<several>[^.!?\n]+)",
    re.I,
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*(?:KEY|CERTIFICATE)[A-Z ]*-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL
)
_LONG = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")
_KNOWN_PREFIX = re.compile(
    r"\b(?:AIza|ya29\.|sk-|pk-|rk_|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|xox[abeprs]-|hf_|dop_v1_|shpat_|EAAC|SG\."
    r"|AKIA|ASIA|npm_|pypi-|AGE-SECRET-KEY-|figd_|lin_api_|ntn_|key-|whsec_|sq0|tvly-|gsk_)[A-Za-z0-9_.-]{10,}"
)
_ATTRIBUTE = re.compile(rf"\b(?:{_STRONG})\b", re.I)
_LEAST_ENTROPY_BITS = 3.6  # per character: English words run together stay under it, random letters do not
_LEAST_HEX_BITS = 3.0
_NOT_SECRETS = frozenset({"Public IP (ipv4)", "Secret Keyword", "Base64 High Entropy String"})


def secret_spans(text: str) -> list[Span]:
    """The secrets of `text`, in order; `why` says what kind each is."""
    return merged(
        Span(span.start + at, span.end + at, span.why)
        for at in range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP)
        for span in _in_window(text[at : at + _WINDOW])
    )


def _in_window(text: str) -> Iterator[Span]:
    for reader in (_detected, _numbers, _told, _random, _in_the_sentence):
        yield from reader(text)


def masked(text: str) -> str:
    """`text` with every secret replaced by a mask."""
    return replaced(text, secret_spans(text), MASK)


def names_a_secret(subject: str, attribute: str) -> bool:
    """Whether something called so is a secret whatever its value: a password, a PIN, a card number."""
    return bool(_ATTRIBUTE.search(f"{subject} {attribute}"))


@cache
def _detectors() -> tuple[Any, ...]:
    """detect-secrets' detectors, without those that only guess from the shape of source code."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return tuple(
        kind() for name, kind in sorted(classes.items()) if name not in _NOT_SECRETS and "Entropy" not in name
    )


def _detected(text: str) -> Iterator[Span]:
    for found in _PEM.finditer(text):
        yield Span(found.start(), found.end(), "a private key")
    for found in _KNOWN_PREFIX.finditer(text):
        yield Span(found.start(), found.end(), "a key or a token")
    for detector in _detectors():
        for line in text.splitlines():
            for value in detector.analyze_string(line):
                at = text.find(value) if value else -1
                while at >= 0:
                    yield Span(at, at + len(value), f"a secret ({detector.secret_type})")
                    at = text.find(value, at + 1)


def _numbers(text: str) -> Iterator[Span]:
    for found in _CARD.finditer(text):
        if luhn(found.group()):
            yield Span(found.start(), found.end(), "a card number")
    for found in _IBAN.finditer(text):
        if iban(found.group()):
            yield Span(found.start(), found.end(), "an account number")
    for found in _SSN.finditer(text):
        yield Span(found.start(), found.end(), "a social security number")


def _told(text: str) -> Iterator[Span]:
    for found in _TELLING.finditer(text):
        if re.search(r"\w", found["value"]):
            yield Span(found.start("value"), found.end("value"), "it is told as a password or the like")
    for pattern in (_HINTING, _BEFORE):
        for found in pattern.finditer(text):
            if pattern is _BEFORE or _looks_made_up(found["value"]):
                yield Span(found.start("value"), found.end("value"), "it is told as a password or the like")


def _in_the_sentence(text: str) -> Iterator[Span]:
    """Numbers and made-up words wherever they stand in a sentence that speaks of a password or an account."""
    for sentence in _SENTENCE.finditer(text):
        words, start = sentence.group(), sentence.start()
        if _WHOLE.search(words):
            yield Span(
                start, sentence.end(), "it tells a name and a password, or a phrase that opens a wallet"
            )
        strong = _ATTRIBUTE.search(words) is not None
        if not strong and not _NUMBERED.search(words):
            continue
        for found in _WORD.finditer(words):
            digits = sum(c.isdigit() for c in found.group())
            if not strong and _YEAR.fullmatch(found.group()):
                continue
            if digits >= _LEAST_DIGITS or (strong and digits and _looks_made_up(found.group())):
                yield Span(
                    start + found.start(), start + found.end(), "it is told with a password or an account"
                )
        for found in _NEXT.finditer(words):
            name = "value" if found["value"] else "several"
            yield Span(start + found.start(name), start + found.end(name), "it is told as a password")


def _looks_made_up(value: str) -> bool:
    """Digits among letters, marks inside, or case that changes within: not a word of a language."""
    bare = value.strip(".,;:!?\"'")
    kinds = sum(bool(re.search(kind, bare)) for kind in (r"[a-z]", r"[A-Z]", r"\d", r"[^\w\s]"))
    return len(bare) >= 4 and ((kinds >= 2 and not re.fullmatch(r"[A-Z][a-z'-]+", bare)) or bare.isdigit())


def _random(text: str) -> Iterator[Span]:
    for found in _LONG.finditer(text):
        word = found.group().strip("._-=/")
        letters, digits = sum(c.isalpha() for c in word), sum(c.isdigit() for c in word)
        if len(word) < 20 or not letters or not digits:
            continue
        hexadecimal = re.fullmatch(r"(?:0x)?[0-9a-fA-F-]+", word) is not None
        if _bits(word) >= (_LEAST_HEX_BITS if hexadecimal else _LEAST_ENTROPY_BITS):
            yield Span(found.start(), found.end(), "a long random string, as keys are")


def _bits(word: str) -> float:
    """Shannon entropy in bits per character."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def luhn(number: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    digits = [int(c) for c in number if c.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [d if i % 2 == 0 else d * 2 - 9 * (d > 4) for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def iban(number: str) -> bool:
    """Whether the two check digits fit (ISO 13616: the rearranged number is 1 modulo 97)."""
    compact = number.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1
