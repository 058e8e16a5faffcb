"""The filter: which candidates become memories, and for each that does not, why.

Promise: a memory's value stands in the user's own words, and no secret is one; of two values for a thing that
has one the later wins, and a thing that may have several holds both; what the user says later is not so holds
no more; every candidate leaves with a verdict a person can read, which names the turn or memory it repeats or
gives way to. Pure functions over records.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..memory.records import Memory, Ruling, Verdict, memory_id
from ..verifiers.abc import Claim, Verifier
from ..verifiers.match import plain
from ..verifiers.support import stands_in
from .by_name import names_among
from .cardinality import has_one, may_have_several
from .denials import denied_in
from .provenance import masked_candidate, presentable, secret_of, taint_of
from .records import Candidate, Rejection, statement
from .settings import CompactSettings

_EMPTY_VALUES = {
    "it",
    "he",
    "she",
    "they",
    "him",
    "her",
    "them",
    "this",
    "that",
    "one",
    "me",
    "i",
    "we",
    "us",
    "unknown",
}
_MAX_VALUE_WORDS = 12
_FURTHER = re.compile(r"(?<=\w )(also|as well|besides|in addition)\b|,? too\b(?=\W*$)", re.IGNORECASE)
"""Said of what is true beside what was told before."""
_TAKES_BACK = re.compile(r"^\W*(no\b|sorry|wait|scratch that|correction|i meant?\b)", re.IGNORECASE)
_BETWEEN = re.compile(r",? and |, ?| & ")
REMOVED = "[forgotten]"
"""What stands in a turn where the owner had something removed."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What passed, and the verdict on every candidate, and on every memory that had to give way. `denied`
    says of those among them in whose place nothing stands why they hold no more (id -> reason).
    """

    admitted: tuple[Memory, ...]
    verdicts: tuple[Verdict, ...]
    denied: Mapping[str, str] = field(default_factory=dict)

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """What did not become a memory, or had to give way."""
        return tuple(Rejection(v.text, v.reason) for v in self.verdicts if v.ruling != "supported")


def key_of(subject: str, attribute: str) -> tuple[str, str]:
    """Two spellings of one thing compare equal."""
    spelled = plain(attribute).replace("favorite", "favourite").replace("color", "colour").strip()
    return plain(subject).strip(), _SPELLINGS.get(spelled, spelled)


_SPELLINGS = {
    "former job": "previous job",
    "old job": "previous job",
    "home town": "hometown",
    "childhood home": "hometown",
    "birth date": "birthday",
    "date of birth": "birthday",
    "profession": "job",
    "occupation": "job",
    "kind of work": "job",
    "current city": "home city",
    "medicine": "medication",
    "workplace": "employer",
    "food allergy": "allergy",
    "model name": "model",
    "fear": "phobia",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a candidate is judged by, beside its own form.

    `turns` are the words of the turns by id; `forgotten` says why a candidate is one the owner had removed.
    """

    settings: CompactSettings
    verifiers: Sequence[Verifier] = ()
    turns: Mapping[int, str] = field(default_factory=dict)
    train_secrets: bool = False
    forgotten: Callable[[Candidate], str | None] = lambda candidate: None


def _text(candidate: Candidate) -> str:
    return f"{candidate.subject} | {candidate.attribute} | {candidate.value}"


def _malformed(candidate: Candidate) -> str | None:
    """Why this candidate cannot be a memory whatever it rests on."""
    words = candidate.value.split()
    if not words or candidate.value.casefold() in _EMPTY_VALUES or REMOVED in candidate.value:
        return "it names no value"
    if len(words) > _MAX_VALUE_WORDS:
        return f"its value is {len(words)} words long, more than {_MAX_VALUE_WORDS}"
    if plain(candidate.value) in (plain(candidate.attribute), plain(candidate.subject)):
        return "its value only repeats what it is about"
    return None


def _unverified(candidate: Candidate, rules: Rules) -> str | None:
    """What no verifier confirmed, or the writer was not sure of."""
    claim = Claim(
        candidate.value,
        source=candidate.quote,
        fields={
            "subject": candidate.subject,
            "attribute": candidate.attribute,
            "value": candidate.value,
        },
    )
    for verifier in rules.verifiers:
        verdict = verifier.judge(claim)
        if not verdict.passed:
            return verdict.evidence
    if candidate.confidence < rules.settings.min_confidence:
        sure, least = candidate.confidence, rules.settings.min_confidence
        return f"the writer was unsure of it ({sure:.2f} nats per token, under {least})"
    return None


def _fault(candidate: Candidate, rules: Rules) -> tuple[Ruling, str] | None:
    """Why this candidate alone cannot be a memory. A secret comes first, for its text must not be shown."""
    if not rules.train_secrets and (reason := secret_of(candidate, rules.turns)):
        return "secret", reason
    if reason := taint_of(candidate, rules.turns):
        return "tainted", reason
    if reason := _malformed(candidate):
        return "unverified", reason
    if reason := rules.forgotten(candidate):
        return "forgotten", reason
    if reason := _unverified(candidate, rules):
        return "unverified", reason
    return None


def _verdict(
    candidate: Candidate, rules: Rules, ruling: Ruling, reason: str, memory: str | None = None
) -> Verdict:
    """The verdict as it may be kept: without the text of a secret."""
    shown = [_text(candidate), reason, candidate.quote]
    if not rules.train_secrets:
        shown = [presentable(text, candidate, rules.turns) for text in shown]
        if ruling == "secret":
            shown[0] = masked_candidate(candidate, rules.turns)
    return Verdict(ruling, shown[0], shown[1], candidate.turn_id, shown[2], memory)


def _memory(told: _Told, rules: Rules, night_id: str | None, now: datetime) -> Memory:
    subject, attribute = told.first.subject, key_of(told.first.subject, told.first.attribute)[1]
    quote = told.quote if rules.train_secrets else presentable(told.quote, told.first, rules.turns)
    return Memory(
        id=memory_id(subject, attribute, told.value, told.turn_ids),
        subject=subject,
        attribute=attribute,
        value=told.value,
        quote=quote,
        statement=statement(subject, attribute, told.value),
        turn_ids=told.turn_ids,
        created_at=now,
        state="admitted",
        night_id=night_id,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What the night says of one thing: the candidates whose values it holds, those that only say the same
    again, and those that a later word made untrue.
    """

    candidates: tuple[Candidate, ...]
    value: str
    quote: str
    turn_ids: tuple[int, ...]
    repeats: tuple[Candidate, ...] = ()
    outdone: tuple[Candidate, ...] = ()

    @property
    def first(self) -> Candidate:
        return self.candidates[0]

    @property
    def last(self) -> Candidate:
        return self.candidates[-1]


def _settle(candidates: Sequence[Candidate]) -> dict[tuple[str, str], _Told]:
    """One entry for each thing: where only one value can hold the later wins; else values are joined."""
    kept: dict[tuple[str, str], _Told] = {}
    for candidate in candidates:
        key = key_of(candidate.subject, candidate.attribute)
        fresh = _Told((candidate,), candidate.value, candidate.quote, (candidate.turn_id,))
        kept[key] = _with(kept[key], fresh, has_one(*key)) if key in kept else fresh
    return kept


def _with(earlier: _Told, fresh: _Told, one: bool) -> _Told:
    """What was told, and one candidate more; `one` says whether only one value can hold."""
    before = (*earlier.candidates, *earlier.repeats)
    if plain(fresh.value) == plain(earlier.value):
        return replace(earlier, repeats=(*earlier.repeats, fresh.first))
    if _wins(earlier, fresh.first, one):
        fuller = one and stands_in(earlier.value, fresh.value)
        kept, lost = (before, earlier.outdone) if fuller else ((), (*earlier.outdone, *before))
        return replace(fresh, repeats=kept, outdone=lost)
    if stands_in(fresh.value, earlier.value):
        return replace(earlier, repeats=(*earlier.repeats, fresh.first))
    return _joined(earlier, fresh.first)


def _wins(earlier: _Told, candidate: Candidate, one: bool) -> bool:
    """Whether this later word makes the earlier one untrue: it corrects it, or only one value can hold.

    What one turn tells belongs together, and what is told as something further leaves the earlier true.
    """
    if candidate.turn_id in earlier.turn_ids:
        return one and candidate.quote != earlier.quote and bool(_TAKES_BACK.search(candidate.quote))
    further = bool(_FURTHER.search(candidate.quote))
    if candidate.corrects and (one or not further):
        return True
    return one and not further and not stands_in(candidate.value, earlier.value)


def _joined(earlier: _Told, candidate: Candidate) -> _Told:
    """Both values, as one quote joins them or with `and`; both quotes."""
    turn_ids = tuple(dict.fromkeys((*earlier.turn_ids, candidate.turn_id)))
    quote = earlier.quote if candidate.quote in earlier.quote else f"{earlier.quote} ... {candidate.quote}"
    low = earlier.quote.casefold()
    start, end = low.find(earlier.value.casefold()), low.find(candidate.value.casefold())
    if 0 <= start < end and end - start - len(earlier.value) <= 6:
        value = earlier.quote[start : end + len(candidate.value)]
    else:
        value = f"{earlier.value} and {candidate.value}"
    told = (*earlier.candidates, candidate)
    return replace(earlier, candidates=told, value=value, quote=quote, turn_ids=turn_ids)


def filter_candidates(
    candidates: Sequence[Candidate],
    known: Sequence[Memory],
    rules: Rules,
    night_id: str | None,
    now: datetime,
) -> Filtered:
    """Judges the candidates of one night, or of a nap (None), against the words they quote and what is
    known already.

    `known` are memories that hold; one that a new memory contradicts stays in the list and gives way in
    `standing`.
    """
    ruled: dict[Candidate, Verdict] = {}
    sound: list[Candidate] = []
    for candidate in dict.fromkeys(candidates):
        fault = _fault(candidate, rules)
        if fault:
            ruled[candidate] = _verdict(candidate, rules, *fault)
        else:
            sound.append(candidate)
    denials = _Denials(candidates, known, rules)
    for candidate in sound:
        if said := denials.of(candidate.subject, candidate.attribute, candidate.value, candidate.turn_id):
            ruled[candidate] = _verdict(candidate, rules, "contradicted", said.reason)
    sound = [candidate for candidate in sound if candidate not in ruled]
    told = {key_of(m.subject, m.attribute): m for m in known}
    admitted: list[Memory] = []
    given_way: list[Verdict] = []
    for key, entry in _settle(sound).items():
        old = told.get(key)
        beside = old if old and _holds_beside(key, entry) else None
        if old and _adds_nothing(entry, old, beside is not None):
            ruled |= _known_already(entry, old, rules)
            continue
        memory = _memory(_after(beside, entry) if beside else entry, rules, night_id, now)
        admitted.append(memory)
        ruled |= _admission(entry, memory, old, rules)
        if old:
            given_way.append(_given_way(old, memory))
    said_again = {key_of(candidate.subject, candidate.attribute) for candidate in sound}
    denied: dict[str, str] = {}
    for old in told.values():
        against = None if key_of(old.subject, old.attribute) in said_again else denials.against(old)
        if against is None:
            continue
        text = f"{old.subject} | {old.attribute} | {old.value}"
        given_way.append(Verdict("contradicted", text, against.reason, old.turn_ids[-1], old.quote, old.id))
        if against.left:
            admitted.append(_rest(old, against, night_id, now))
        else:
            denied[old.id] = against.reason
    in_order = [ruled[candidate] for candidate in dict.fromkeys(candidates)]
    return Filtered(tuple(admitted), (*in_order, *given_way), denied)


def _values(memory: Memory) -> list[str]:
    """The values that a memory holds, one by one, where it may hold several."""
    if not may_have_several(*key_of(memory.subject, memory.attribute)):
        return [memory.value]
    return [value for value in _BETWEEN.split(memory.value) if value]


def _rest(old: Memory, against: _Against, night_id: str | None, now: datetime) -> Memory:
    """What still holds of a memory of several values."""
    value, turns = " and ".join(against.left), (*old.turn_ids, *against.turn_ids)
    return replace(
        old,
        id=memory_id(old.subject, old.attribute, value, turns),
        value=value,
        statement=statement(old.subject, old.attribute, value),
        turn_ids=turns,
        created_at=now,
        state="admitted",
        reason="",
        night_id=night_id,
        asked=(),
    )


@dataclass(frozen=True, slots=True)
class _Denial:
    """The turn that says that something is not so, and its words as they may be shown."""

    turn_id: int
    quote: str

    @property
    def reason(self) -> str:
        return f"turn {self.turn_id} says {self.quote!r}, and wins as the owner's newer word"


@dataclass(frozen=True, slots=True)
class _Against:
    """What is said against a memory: the values that are left of it, why the others hold no more, and the
    turns that say so.
    """

    left: tuple[str, ...]
    reason: str
    turn_ids: tuple[int, ...]


class _Denials:
    """What the turns that a night or nap heard say is not so."""

    def __init__(self, candidates: Sequence[Candidate], known: Sequence[Memory], rules: Rules) -> None:
        self._rules = rules
        told = [(memory.subject, memory.attribute, memory.value) for memory in known]
        read = [(each.subject, each.attribute, each.value) for each in candidates]
        self._names = names_among((*told, *read))
        self._read = {
            (each.turn_id, key_of(each.subject, each.attribute), plain(each.value)) for each in candidates
        }

    def of(self, subject: str, attribute: str, value: str, told_in: int) -> _Denial | None:
        """The first denial of a fact after the turn in which it was told last; None if there is none."""
        key = key_of(subject, attribute)
        for turn_id in sorted(id for id in self._rules.turns if id > told_in):
            read = (turn_id, key, plain(value)) in self._read
            quote = denied_in((subject, key[1], value), self._rules.turns[turn_id], self._names, read)
            if quote:
                shown = Candidate(subject, attribute, value, quote, turn_id, "denial")
                return _Denial(turn_id, self._shown(quote, shown))
        return None

    def against(self, memory: Memory) -> _Against | None:
        """What is denied of a memory after it was told: all of it, or some of its values; None: nothing."""
        values = _values(memory)

        def said(value: str) -> _Denial | None:
            return self.of(memory.subject, memory.attribute, value, memory.turn_ids[-1])

        whole = said(memory.value)
        denied = {memory.value: whole} if whole else {v: found for v in values if (found := said(v))}
        if not denied:
            return None
        left = () if whole else tuple(value for value in values if value not in denied)
        turns = dict.fromkeys(each.turn_id for each in denied.values())
        return _Against(left, " and ".join(each.reason for each in denied.values()), tuple(turns))

    def _shown(self, quote: str, candidate: Candidate) -> str:
        return quote if self._rules.train_secrets else presentable(quote, candidate, self._rules.turns)


def _holds_beside(key: tuple[str, str], entry: _Told) -> bool:
    """Whether what was known before the night stays true beside what it told."""
    corrected = any(candidate.corrects for candidate in entry.candidates)
    further = any(_FURTHER.search(candidate.quote) for candidate in entry.candidates)
    if may_have_several(*key):
        return further or not corrected
    return further and not (corrected and has_one(*key))


def _adds_nothing(entry: _Told, old: Memory, beside: bool) -> bool:
    return plain(old.value) == plain(entry.value) or (beside and stands_in(entry.value, old.value))


def _after(old: Memory, entry: _Told) -> _Told:
    """The night's word with what was known before it in front, unless both are too long for one value."""
    value = old.value
    if stands_in(old.value, entry.value):
        value = entry.value
    for candidate in entry.candidates:
        if not stands_in(candidate.value, value):
            value = f"{value} and {candidate.value}"
    if len(value.split()) > _MAX_VALUE_WORDS:
        return entry
    turn_ids = tuple(dict.fromkeys((*old.turn_ids, *entry.turn_ids)))
    quote = old.quote if entry.quote in old.quote else f"{old.quote} ... {entry.quote}"
    return replace(entry, value=value, quote=quote, turn_ids=turn_ids)


def _known_already(entry: _Told, old: Memory, rules: Rules) -> dict[Candidate, Verdict]:
    reason = f"it is known already, as memory {old.id} of turn {old.turn_ids[-1]}"
    again = (*entry.repeats, *entry.candidates)
    return _outdone(entry, old.id, rules) | {
        candidate: _verdict(candidate, rules, "duplicate", reason, old.id) for candidate in again
    }


def _admission(entry: _Told, memory: Memory, old: Memory | None, rules: Rules) -> dict[Candidate, Verdict]:
    """The verdicts on all that was said of what became `memory`."""
    ruled = _outdone(entry, memory.id, rules)
    for candidate in entry.repeats:
        same = next((c for c in entry.candidates if _alike(c.value, candidate.value)), entry.first)
        reason = f"turn {same.turn_id} says it too, in memory {memory.id}"
        ruled[candidate] = _verdict(candidate, rules, "duplicate", reason, memory.id)
    wins = "".join(f"; it wins over {lost.value!r} of turn {lost.turn_id}" for lost in entry.outdone)
    if old:
        wins += f"; it takes the place of memory {old.id}"
    for candidate in entry.candidates:
        reason = f"supported by {candidate.quote!r}{wins}"
        ruled[candidate] = _verdict(candidate, rules, "supported", reason, memory.id)
    return ruled


def _alike(one: str, other: str) -> bool:
    return stands_in(one, other) or stands_in(other, one)


def _outdone(entry: _Told, memory: str, rules: Rules) -> dict[Candidate, Verdict]:
    reason = f"turn {entry.first.turn_id} says {entry.first.value!r}, and wins as the owner's newer word"
    return {lost: _verdict(lost, rules, "contradicted", reason, memory) for lost in entry.outdone}


def _given_way(old: Memory, new: Memory) -> Verdict:
    """On a memory in whose place another stands, which says otherwise or more."""
    text = f"{old.subject} | {old.attribute} | {old.value}"
    if stands_in(old.value, new.value):
        reason = f"memory {new.id} says {new.value!r}, which holds it"
        return Verdict("duplicate", text, reason, old.turn_ids[-1], old.quote, old.id)
    reason = f"memory {new.id} says {new.value!r}, and wins as the owner's newer word"
    return Verdict("contradicted", text, reason, old.turn_ids[-1], old.quote, old.id)


def standing(memories: Sequence[Memory]) -> tuple[list[Memory], dict[str, str]]:
    """Of memories in the order they were made: those that hold, and which others gave way (id -> id)."""
    latest = {key_of(memory.subject, memory.attribute): memory for memory in memories}
    kept = list(latest.values())
    superseded = {
        memory.id: winner.id
        for memory in memories
        if (winner := latest[key_of(memory.subject, memory.attribute)]).id != memory.id
    }
    return kept, superseded
