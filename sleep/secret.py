"""Secrets in a turn: keys, tokens, card and account numbers, passwords.

Promise: a stretch that detect-secrets' detectors, a check digit, high entropy or the user's own words ("my
password is ...", in six languages) give away is marked, by what it is and never with its text. Pure; sends
nothing anywhere.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from .spans import Span, merged, replaced

MASK = "[secret]"
_WINDOW = 1500  # characters read at a time, so that no text takes long
_OVERLAP = 300

_STRONG = (
    r"pass ?-?(?:words?|phrases?|codes?|keys?|wd)|pwd?|pword|pin(?! (?:collection|cushion|board|badge|drop))"
    r"(?: ?-?(?:code|number))?|cvv2?|cvc2?|security code"
    r"|seed phrase|recovery (?:phrase|codes?|key|words)|secret (?:word|phrase|answer|key)"
    r"|api[ -]?(?:key|token)"
    r"|access (?:key|token|code)|auth(?:entication|orisation|orization)? (?:key|token|code)|private key"
    r"|encryption key|signing key|bearer token|refresh token|client secret|licen[cs]e key|product key"
    r"|(?:wi-?fi|wlan|network|router) (?:key|code)"
    r"|(?:door|gate|alarm|entry|garage|safe|locker|lock|unlock|vault|verification|one[- ]time|2fa|otp|backup)"
    r" (?:codes?|combination|pin)|combination(?: lock)?|otp"
    r"|social security(?: number)?|ssn|national insurance(?: number)?|nino|passport (?:number|no\.?)"
    r"|(?:2fa|two[- ]factor|totp|otp|authenticator) (?:seed|secret|key)"
    r"|(?:three|3|security) digits (?:on|at|from) the back|the three digits"
    r"|back of (?:my|the) (?:\w+ )?card|safe ?word"
    r"|passw(?:ort|oord)|kennwort|geheim(?:zahl|nummer)|mot de passe|code (?:secret|confidentiel)"
    r"|contrase(?:\u00f1|n)a|c[o\u00f3]digo (?:pin|secreto)|senha|palavra[- ]passe|parola d['\u2019]ordine"
    r"|codice (?:pin|segreto)|(?:mi|minha|la mia) (?:clave|parola chiave)"
    r"|driv(?:er'?s|ing) licen[cs]e (?:number|no\.?)|tax (?:id|number|file number)"
    r"|(?:bank )?account number|sort code|routing number|(?:credit|debit|bank) card(?: number)?"
    r"|card (?:number|details)|bank details|iban|puk(?: code)?|memorable (?:word|place|date)|maiden name"
    r"|security (?:question|answer)"
)
_WEAK = r"token|secret|credentials?|login|key|code|hash|cookie|session id"
_JOINED = (
    r"(?:\s*(?:(?:is|was|are|being|ist|lautet|est|es|\u00e8|\u00e9|reads|set to|will be|should be|now|'s"
    r"|\u2019s|just)\b"
    r"|=|:|->)\s*)+"
)
_OF_WHAT = r"(?:\s+(?:for|to|of|on|at|in)\s+(?:[\w'.-]+\s+){0,5}?[\w'.-]+)?"
_TELLING = re.compile(
    rf"\b(?:{_STRONG})\b{_OF_WHAT}{_JOINED}(?P<value>[^\n]*?)"
    r"(?=[.!?](?:\s|$)|[,;]\s|\s(?:and|but|so|which|because)\s|\n|$)",
    re.I,
)
_HINTING = re.compile(rf"\b(?:{_WEAK})\b{_OF_WHAT}{_JOINED}(?P<value>[^\s,;]+)", re.I)
_BEFORE = re.compile(
    rf"(?P<value>[^\s,;]{{3,}})\s+(?:is|was|as|for|=)\s+(?:my|the|our|a|your|his|her"
    rf"|their)\s+(?:[\w-]+\s+){{0,3}}?"
    rf"(?:{_STRONG})\b",
    re.I,
)
_SENTENCE = re.compile(r"[^\n]+?(?:[.!?](?=\s|$)|\n|$)")
_WORD = re.compile(r"\d[\d -]*\d|[^\s,;:()\"']+")
_LEAST_DIGITS = 3
_YEAR = re.compile(r"(?:1[89]|20)\d\d")
_NUMBERED = re.compile(
    r"\b(?:passport|disarm\w*|acct|account|sin|nino?|ni number|nhs|medicare|tax|visa|mastercard|amex|atm"
    r"|cash machine|authenticator|aadhaar|steuer-?id\w*|steuer(?:nummer|identifikationsnummer)"
    r"|codice fiscale|personnummer"
    r"|pesel"
    r"|dni|cpf|bsn|curp|(?:national|identity|id)(?: card)? (?:id|number|no\.?)|national identity"
    r"|(?:health |social |medical )?insurance (?:number|no\.?)|licen[cs]e (?:number|no\.?)"
    r"|driv(?:er'?s|ing) licen[cs]e)\b",
    re.I,
)
_PUBLIC = (
    r"zip|post(?:al)?|area|country|city|dial\w*|error|status|exit|dress|source|bar|qr|discount|promo\w*"
    r"|voucher"
    r"|coupon|referral|gift|colou?r|paint|course|module|class|subject|airport|station|product|model|style"
    r"|fault"
    r"|diagnostic|highway|morse|hex|language|legal|penal|civil|tax|stock|flight|booking|dance|honou?r"
)
_THING_CODE = re.compile(
    r"\b(?P<thing>[\w'\u2019-]+)\s+(?:unlock |entry |pin |lock )?(?:code|combination|combo)\b"
    rf"{_OF_WHAT}{_JOINED}(?P<value>[^\n]*?)(?=[.!?](?:\s|$)|[,;]\s|\s(?:and|but|so|which|because)\s|\n|$)",
    re.I,
)
_DIGIT_WORD = (
    r"(?:(?:double|triple)[ -])?(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve"
    r"|\w+teen|twenty|thirty|fou?rty|fifty|sixty|seventy|eighty|ninety)"
)
_SPELT = re.compile(rf"\b{_DIGIT_WORD}(?:(?:, |[ -]){_DIGIT_WORD}){{2,}}\b", re.I)
_DIGITS = r"(?=(?:[^\s\d]*\d){3})[\w#*-]*\d[\w#*-]*"  # three or more in a word
_OPENING = re.compile(
    rf"\b(?:unlock\w*|opens?|opened|log\w* ?(?:in|on)(?:to)?|sign\w* in(?:to)?|disarm\w*)\b[^.!?\n]{{0,40}}?"
    rf"\s(?:with|using|by typing|by entering)\s+(?:the (?:number|digits|code) )?(?P<value>{_DIGITS})"
    r"(?=\s*(?:[.,;!?]|\n|$))"
    r"|\b(?:safe|vault|locker|padlock|lock)\b[^.!?\n]{0,30}?\s(?P<several>\d{1,2}-\d{1,2}-\d{1,2})(?![\d-])",
    re.I,
)
_SOCIAL = re.compile(rf"\bmy social(?: (?:number|no\.?))?{_JOINED}(?P<value>\d(?:[ -]?\d){{8}})(?!\d)", re.I)
_ACCOUNTS = (
    r"wi-?fi|wlan|network|router|hotspot|login|e?-?mail|laptop|computer|pc|phone|account|admin|root|user"
)
_NO_PASS = (
    r"\w+(?:ed|ing|ly|al|able|ible|ive|ous|ful|less)|valid|free|cheap|dear|lost|gone|late|here|there|mine"
    r"|yours|new|old"
    r"|red|blue|green|yellow|pink|black|white|paper|plastic|digital|half|void|due|ready|safe|worthless"
    r"|broken|stolen"
    r"|not|no|yes|yet|now|good|bad|great|fine|rubbish|useless|pending|up|over|in|on|at|for|from|a|an|the"
)
_PASS = re.compile(
    rf"\b(?:my|our|the|his|her|your)\s+(?:(?:{_ACCOUNTS})(?:'s)?\s+)?pass{_JOINED}(?!(?:{_NO_PASS})\b)"
    r"(?P<value>[^\s.,;!?]+)(?=\s*(?:[.,;!?]|\n|$|\s(?:and|but|btw)\b))"
    rf"|\b(?:user ?name|login|user)\b[^.!?\n]{{1,40}}?\b(?:my )?pass(?:{_JOINED}|\s+)(?P<several>[^\s.,;!?]+)"
    rf"|\b(?:{_ACCOUNTS})\b[^.!?\n]{{0,60}}?\bthe (?:key|code"
    rf"|pass){_JOINED}(?!(?:{_NO_PASS})\b)(?P<key>[^\s.,;!?]+)"
    r"(?=\s*(?:[.,;!?]|\n|$))",
    re.I,
)
_SETTING = re.compile(
    rf"\b(?:chang|set|reset|updat"
    rf"|switch)\w*\b[^.!?\n]{{0,30}}?\b(?:{_STRONG})\b(?:\s+from\s+(?P<several>\S+))?"
    r"\s+(?:to|as)\s+(?!(?:something|a|an|the|my|one|be|avoid|make|keep|get|stop|see|protect)\b)"
    r"(?P<value>[^\s,;.!?]+)",
    re.I,
)
_APPOSED = re.compile(rf"\b(?:my|our|his|her) (?:\w+ )?(?:{_STRONG}),\s+(?P<value>[^\s,.]+),", re.I)
_REPLY = re.compile(
    rf"\b(?:{_STRONG})\s*\?\s*(?!(?:no|nope|yes|yeah|ok|okay|sure|thanks|never|maybe|dunno|why|what|how"
    rf"|help|please"
    r"|sorry|none|nothing|anyone|anybody|same|again|right|exactly|impossible)\b)"
    r"(?P<value>[^\s.!?]+)(?=\s*(?:[.!]|\n|$))",
    re.I,
)
_ANNOUNCES = re.compile(
    r"\b(?:here(?:'s|\u2019s| is| are| comes?)|give you|giving you|tell you|telling you|you to (?:know"
    r"|have|keep|note)"
    r"|note|write down|remember|keep|save|store|this is|these are|as follows|following)\b",
    re.I,
)
_ANSWERS = re.compile(
    r"\s*(?:(?:it|that|they|this|these|the (?:number|code|word)s?)(?:'s|\u2019s|'re|\u2019re| is| are"
    r"| was)\s+)?"
    rf"(?P<value>{_SPELT.pattern}|[^\s.!?]+)(?P<alone>\s*[.!]?\s*$)?",
    re.I,
)
_WALLET = re.compile(
    r"\b(?:wallet|ledger|trezor|metamask|mnemonic|bip-?39|seed"
    r"|(?:12|15|18|21|24|twelve|twenty[- ]four) (?:\w+ )?words)\b",
    re.I,
)
_LEAST_PHRASE = 12  # words that open a wallet, at least
_RUN = re.compile(r"\b[a-z]{3,8}(?:,? [a-z]{3,8})+\b")
_LINKING = re.compile(
    r"\b(?:the|and|are|was|were|his|her|our|their|from|with|but|for|not|has|had|have|been|they|them|which"
    r"|because|would"
    r"|could|into|than|its|your|you)\b"
)
_BASE32 = re.compile(
    r"(?<![\w-])(?=[A-Z -]*[2-7])(?:[A-Z2-7]{16,}|[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){3,})(?![\w-])"
)
_WHOLE = re.compile(
    r"\buser(?:name)?s? (?:and|/|&) pass|\blogin\b.{0,40}\bpassword\b|\blogin details\b|\bcredentials\b"
    r"|\b(?:seed|wallet|recovery|mnemonic|backup) (?:phrase|words)\b",
    re.I,
)
_NO_PASSWORD = (
    r"is|was|are|for|to|of|on|at|in|and|or|but|again|reset|manager|protected|that|the|my|you|i|it|so"
    r"|because|yesterday"
    r"|today|now|hint|field|prompt|changed?|policy|with|from|game|games|show|as|just|set|will|should|be"
    r"|being|reads|by"
    r"|somewhere"
    r"|anywhere|please|every\w*|twice|once|here|there|box"
)
_NEXT = re.compile(
    rf"\bpass ?-?(?:words?|phrases?|codes?)\s+(?!(?:{_NO_PASSWORD})\b)(?P<value>[^\s.,;:!?]+)"
    rf"|\bpass ?-?(?:words|phrases|codes) are\s(?P<several>[^.!?\n]+)",
    re.I,
)
_CARD = re.compile(
    r"(?<!\d)(?:\d(?:[ -]?\d){12,18}|\d{4}(?P<mark>[._/])\d{4}(?P=mark)\d{4}(?P=mark)\d{1,7}"
    r"|\d{4}[._/]\d{6}[._/]\d{5})(?!\d)"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*(?:KEY|CERTIFICATE)[A-Z ]*-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL
)
_LONG = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")
_KNOWN_PREFIX = re.compile(
    r"\b(?:AIza|ya29\.|sk-|pk-|rk_|ghp_|gho_|ghs_|ghu_|github_pat_|glpat-|xox[abeprs]-|hf_|dop_v1_|shpat_"
    r"|EAAC|SG\."
    r"|AKIA|ASIA|npm_|pypi-|AGE-SECRET-KEY-|figd_|lin_api_|ntn_|key-|whsec_|sq0|tvly-"
    r"|gsk_)[A-Za-z0-9_.-]{10,}"
)
_ATTRIBUTE = re.compile(rf"\b(?:{_STRONG})\b", re.I)
_OWN_CODE = re.compile(
    rf"\b(?:{_ACCOUNTS}|luggage|suitcase|briefcase|bike|lock|locker|building|office|house|home|flat"
    rf"|apartment|door"
    r"|gate|garage|shed|safe|alarm|tablet|ipad|iphone|voicemail|sim)(?: lock)? (?:unlock )?(?:code"
    r"|combination|pass)$"
    r"|^user (?:pass|social|national id|aadhaar|steuer-?id)$",
    re.I,
)
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
    for reader in (_detected, _numbers, _told, _opening, _phrases, _random, _in_the_sentence, _in_the_next):
        yield from reader(text)


def masked(text: str) -> str:
    """`text` with every secret replaced by a mask."""
    return replaced(text, secret_spans(text), MASK)


def names_a_secret(subject: str, attribute: str) -> bool:
    """Whether something called so is a secret whatever its value: a password, a PIN, a card number."""
    called = f"{subject} {attribute}"
    return bool(_ATTRIBUTE.search(called) or _OWN_CODE.search(called))


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
            public = re.search(rf"\b(?:{_PUBLIC})\s+$", text[: found.start()], re.I)
            if pattern is _BEFORE or (_looks_made_up(found["value"]) and not public):
                yield Span(found.start("value"), found.end("value"), "it is told as a password or the like")


def _opening(text: str) -> Iterator[Span]:
    """What opens a thing or an account, by words that are no name of a secret on their own."""
    for pattern in (_OPENING, _SOCIAL, _PASS, _SETTING, _REPLY, _APPOSED):
        for found in pattern.finditer(text):
            for name, value in found.groupdict().items():
                if value:
                    yield Span(found.start(name), found.end(name), "it is told as what opens something")
    for found in _THING_CODE.finditer(text):
        if re.fullmatch(_PUBLIC, found["thing"], re.I):
            continue
        for value in (*_WORD.finditer(found["value"]), *_SPELT.finditer(found["value"])):
            if _digits(value.group()) >= _LEAST_DIGITS or _SPELT.fullmatch(value.group()):
                start = found.start("value")
                yield Span(start + value.start(), start + value.end(), "it is told as the code of something")


def _phrases(text: str) -> Iterator[Span]:
    """The words that open a wallet, and the seeds of one-time passwords."""
    for found in _BASE32.finditer(text):
        yield Span(found.start(), found.end(), "a long random string, as keys are")
    if not (named := _WALLET.search(text)):
        return
    for run in _RUN.finditer(text, named.end()):
        start = run.start()
        for piece in _LINKING.split(run.group()):
            if len(piece.split()) >= _LEAST_PHRASE:
                at = text.index(piece, start)
                yield Span(at, at + len(piece), "it is a phrase that opens a wallet")


def _in_the_next(text: str) -> Iterator[Span]:
    """What the sentence after one that names a secret says at its beginning, as the value of it."""
    sentences = list(_SENTENCE.finditer(text))
    for before, sentence in pairwise(sentences):
        if not _ATTRIBUTE.search(before.group()):
            continue
        answer = _ANSWERS.match(sentence.group())
        if answer is None:
            continue
        value, alone = answer["value"], answer["alone"] is not None
        announced = _ANNOUNCES.search(before.group()) is not None
        number = _digits(value) >= _LEAST_DIGITS or _SPELT.match(value) is not None
        if number or (announced and alone and len(value) >= _LEAST_DIGITS):
            start = sentence.start() + answer.start("value")
            yield Span(start, sentence.end(), "the sentence before names it as a secret")


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def _in_the_sentence(text: str) -> Iterator[Span]:
    """Numbers and made-up words wherever they stand in a sentence that speaks of a password or an account."""
    for sentence in _SENTENCE.finditer(text):
        words, start = sentence.group(), sentence.start()
        if _WHOLE.search(words):
            yield Span(
                start, sentence.end(), "it tells a name and a password, or a phrase that opens a wallet"
            )
        strong = _ATTRIBUTE.search(words) is not None or _holds_a_card(words)
        if not strong and not _NUMBERED.search(words):
            continue
        for found in _WORD.finditer(words):
            digits = _digits(found.group())
            if not strong and _YEAR.fullmatch(found.group()):
                continue
            if digits >= _LEAST_DIGITS or (strong and digits and _looks_made_up(found.group())):
                yield Span(
                    start + found.start(), start + found.end(), "it is told with a password or an account"
                )
        for found in _SPELT.finditer(words) if strong else ():
            yield Span(start + found.start(), start + found.end(), "it is told with a password or an account")
        for found in _NEXT.finditer(words):
            name = "value" if found["value"] else "several"
            yield Span(start + found.start(name), start + found.end(name), "it is told as a password")


def _holds_a_card(words: str) -> bool:
    return any(luhn(found.group()) for found in _CARD.finditer(words))


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
