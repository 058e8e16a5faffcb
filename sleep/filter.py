"""The filter: which candidates become memories, and for each that does not, why.

Promise: a memory's value stands in the user's own words, and no secret is one; of two values for the same
thing the later wins; every candidate leaves with a verdict a person can read. Pure functions over records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..memory.records import Memory, Ruling, Verdict, memory_id
from ..verifiers.abc import Claim, Verifier
from ..verifiers.match import plain
from ..verifiers.support import stands_in
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
REMOVED = "[forgotten]"
"""What stands in a turn where the owner had something removed."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """What passed, and the verdict on every candidate, and on every memory that had to give way."""

    admitted: tuple[Memory, ...]
    verdicts: tuple[Verdict, ...]

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
        fields={"subject": candidate.subject, "value": candidate.value},
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
            shown[0] = masked_candidate(candidate)
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


def _settle(
    candidates: Sequence[Candidate], rules: Rules
) -> tuple[dict[tuple[str, str], _Told], dict[Candidate, Verdict]]:
    """One entry for each thing: where the user corrects, the later value wins; else values are joined."""
    kept: dict[tuple[str, str], _Told] = {}
    ruled: dict[Candidate, Verdict] = {}
    for candidate in candidates:
        key = key_of(candidate.subject, candidate.attribute)
        earlier = kept.get(key)
        fresh = _Told((candidate,), candidate.value, candidate.quote, (candidate.turn_id,))
        if earlier is None:
            kept[key] = fresh
        elif plain(candidate.value) == plain(earlier.value):
            ruled[candidate] = _verdict(candidate, rules, "duplicate", "the same was told before")
        elif candidate.corrects and candidate.turn_id not in earlier.turn_ids:
            reason = f"it was corrected later to {candidate.value!r}, which wins as the owner's newer word"
            ruled |= {gone: _verdict(gone, rules, "contradicted", reason) for gone in earlier.candidates}
            kept[key] = fresh
        elif stands_in(candidate.value, earlier.value):
            ruled[candidate] = _verdict(candidate, rules, "duplicate", "the same was told before")
        else:
            kept[key] = _joined(earlier, candidate)
    return kept, ruled


@dataclass(frozen=True, slots=True)
class _Told:
    """What the night's candidates say of one thing, put together."""

    candidates: tuple[Candidate, ...]
    value: str
    quote: str
    turn_ids: tuple[int, ...]

    @property
    def first(self) -> Candidate:
        return self.candidates[0]


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
    return _Told((*earlier.candidates, candidate), value, quote, turn_ids)


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
    for candidate in candidates:
        fault = _fault(candidate, rules)
        if fault:
            ruled[candidate] = _verdict(candidate, rules, *fault)
        else:
            sound.append(candidate)
    kept, settled = _settle(sound, rules)
    ruled |= settled
    told = {key_of(m.subject, m.attribute): m for m in known}
    admitted: list[Memory] = []
    replaced: list[Verdict] = []
    for key, entry in kept.items():
        old = told.get(key)
        if old and plain(old.value) == plain(entry.value):
            reason = f"it is known already, as memory {old.id}"
            ruled |= {c: _verdict(c, rules, "duplicate", reason, old.id) for c in entry.candidates}
            continue
        memory = _memory(entry, rules, night_id, now)
        admitted.append(memory)
        instead = f"; it takes the place of memory {old.id}" if old else ""
        for c in entry.candidates:
            ruled[c] = _verdict(c, rules, "supported", f"supported by {c.quote!r}{instead}", memory.id)
        if old:
            replaced.append(_outdated(old, memory))
    in_order = [ruled[candidate] for candidate in dict.fromkeys(candidates)]
    return Filtered(tuple(admitted), (*in_order, *replaced))


def _outdated(old: Memory, new: Memory) -> Verdict:
    reason = f"memory {new.id} says {new.value!r}, and wins as the owner's newer word"
    text = f"{old.subject} | {old.attribute} | {old.value}"
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
