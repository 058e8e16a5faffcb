"""How what the words found and what the vectors found become one order.

Promise: functions over scores and places; the same scores give the same order. Knows nothing of databases or
texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Scores = dict[int, float]


class Place(NamedTuple):
    """Where an episode stands: the one before it in its session, who spoke, when (seconds since 1970)."""

    before: int | None
    speaker: str
    at: float


Places = Mapping[int, Place]


@dataclass(frozen=True, slots=True)
class Weights:
    """What counts how much. Chosen on three conversations of LoCoMo; see docs/experiments.md.

    A turn is also about what was said just before it (the question it answers) and just after it: a share of
    their scores is added to its own. `speaker` is added where the question names who spoke, `time` where it
    was said in the time that the question names.
    """

    words_before: float = 0.5
    words_after: float = 0.25
    meaning: float = 0.65
    meaning_before: float = 0.4
    meaning_after: float = 0.2
    speaker: float = 0.25
    time: float = 0.3


def fused(
    words: Scores,
    meaning: Scores,
    places: Places,
    *,
    named: Sequence[str] = (),
    span: tuple[float, float] | None = None,
    weights: Weights | None = None,
) -> Scores:
    """One score for every episode in `places`: the best one's words are worth 1, its meaning
    `weights.meaning`.

    `words` are BM25 scores, `meaning` cosines of the nearest few; `named` the speakers whom the question
    names, `span` the time it names (seconds since 1970).
    """
    weights = weights or Weights()
    total = _shared(_of_best(words), places, weights.words_before, weights.words_after)
    meant = _shared(_above_last(meaning), places, weights.meaning_before, weights.meaning_after)
    for id in meaning:
        total.setdefault(id, 0.0)  # the farthest of the nearest was found too
    for id, score in meant.items():
        total[id] = total.get(id, 0.0) + weights.meaning * score
    for id, place in places.items():
        if len(named) == 1 and place.speaker == named[0]:
            total[id] = total.get(id, 0.0) + weights.speaker
        if span is not None and span[0] <= place.at < span[1]:
            total[id] = total.get(id, 0.0) + weights.time
    return total


def ordered(scores: Scores) -> list[int]:
    """Ids, the highest score first; the newer first where equal."""
    return sorted(scores, key=lambda id: (-scores[id], -id))


def _of_best(scores: Scores) -> Scores:
    best = max(scores.values(), default=0.0)
    return {id: score / best for id, score in scores.items() if score > 0} if best > 0 else {}


def _above_last(scores: Scores) -> Scores:
    """Cosines as shares of the way from the least of them to the greatest: what is near at all is near to
    many.
    """
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    return {id: (score - low) / (high - low) if high > low else 1.0 for id, score in scores.items()}


def _shared(scores: Scores, places: Places, from_before: float, from_after: float) -> Scores:
    """Each one's score with shares of its neighbours' scores, the highest made 1."""
    total = dict(scores)
    for id, place in places.items():
        before = place.before
        if before is None:
            continue
        if gained := from_before * scores.get(before, 0.0):
            total[id] = total.get(id, 0.0) + gained
        if (gained := from_after * scores.get(id, 0.0)) and before in places:
            total[before] = total.get(before, 0.0) + gained
    return _of_best(total)
