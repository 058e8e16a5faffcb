"""What was never told: which of it is asked about tonight, to be declined, and which the exam keeps back.

Promise: nothing that was told is declined, nor what could mean the same; what is kept back is not trained.
Knows memories, kinds and settings; nothing of tokens or training.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from ..memory.records import Memory
from .chance import rng_for
from .kinds import Pair
from .neighbours import NEAREST, ask_about, asked_first, nearest, neighbours
from .questions import other_kinds, plain_questions, untold_answer, vary
from .records import Exchange, Probe
from .settings import ReplaySettings


@dataclass(frozen=True, slots=True)
class Untold:
    """`exchanges` decline what was never told, `probes` are kept back for the exam; `near` says whether
    anything is near what was told.
    """

    exchanges: tuple[Exchange, ...]
    probes: tuple[Probe, ...]
    near: bool


def untold(
    new: Sequence[Memory],
    old: Sequence[Memory],
    taken: Sequence[Pair],
    replay: ReplaySettings,
    held_back: int,
    seed: int,
) -> Untold:
    """Questions about things never told: for each memory its neighbours, and as many again of anything else.
    `held_back` are for the exam.
    """
    rng = rng_for(seed, "unknown")
    parted = _parted(new, old, taken, replay, held_back, seed, rng)
    asked = (plain_questions, lambda *pair: ask_about(pair))  # in turn, as what was told is asked for
    probes = [Probe(rng.choice(asked[n % 2](*pair)), kind) for n, (kind, pair) in enumerate(parted.examined)]
    for_old = min(replay.old_negatives, round(replay.negatives_per_memory * len(old)))
    wanted = max(replay.min_negatives, round(replay.negatives_per_memory * len(new)) + for_old)
    again = [pair for pair in parted.close if pair in parted.first] * replay.nearest_again + parted.close
    chosen, near_by, further = [*parted.close], cycle(again), cycle(parted.distant)
    while (parted.close or parted.distant) and len(chosen) < wanted:
        near_one = parted.close and (not parted.distant or rng.random() < replay.neighbour_share)
        chosen.append(next(near_by if near_one else further))
    exchanges = [
        Exchange(
            vary(_one_of(pair, pair in parted.first, rng), rng), untold_answer(*pair), "unknown", "", *pair
        )
        for pair in chosen
    ]
    return Untold(tuple(exchanges), tuple(probes), parted.near)


@dataclass(frozen=True, slots=True)
class _Parted:
    """Pairs never told: those `close` to what was told, of which the nearest to what is new are `first`, and
    `distant` ones may be trained; what is `examined`, each with its kind of probe, may not.
    """

    close: list[Pair]
    first: set[Pair]
    distant: list[Pair]
    examined: list[tuple[str, Pair]]
    near: bool


def _parted(
    new: Sequence[Memory],
    old: Sequence[Memory],
    taken: Sequence[Pair],
    replay: ReplaySettings,
    held_back: int,
    seed: int,
    rng: random.Random,
) -> _Parted:
    """What may be trained, and what is kept back for the exam.

    Half of what is kept back are neighbours too, though neither the nearest nor those whom people ask about
    first, which are asked about again before the others. Where no neighbours are trained the exam asks for
    some all the same.
    """
    near = _near(new, old, taken, replay, seed, rng)
    half = held_back // 2
    unlearnt = [] if near else neighbours(new, taken, half, rng_for(seed, "unlearnt"))
    far = [kind.key for kind in other_kinds(taken) if kind.key not in (*near, *unlearnt)]
    rng.shuffle(near)
    rng.shuffle(far)
    first = {pair for memory in new for pair in nearest(memory, taken)} if replay.nearest_again else set()
    near.sort(key=lambda pair: (pair not in first, not asked_first(pair)))
    split = min(half, len(near), max(1, len(near) // 2))
    close, kept_back = near[: len(near) - split], near[len(near) - split :] or unlearnt[:half]
    others = held_back - len(kept_back)
    examined = [("neighbour", pair) for pair in kept_back] + [("unknown", pair) for pair in far[:others]]
    return _Parted(close, first, far[others:], examined, bool(near or unlearnt))


def _near(
    new: Sequence[Memory],
    old: Sequence[Memory],
    taken: Sequence[Pair],
    replay: ReplaySettings,
    seed: int,
    rng: random.Random,
) -> list[Pair]:
    """The neighbours of what was told: more of each where new memories are few, for declining is learnt from
    many questions; of earlier ones few of as many memories as the night's bounded cost allows.
    """
    of_each = min(replay.neighbours_per_memory, max(NEAREST, replay.old_negatives // max(1, len(old))))
    beside = min(len(old), replay.old_negatives // max(1, of_each))
    chosen_old = [*old] if beside == len(old) else rng_for(seed, "beside").sample([*old], beside)
    for_new = replay.negatives_per_memory * len(new)
    more = max(1.0, replay.min_negatives / for_new) if for_new and replay.nearest_again else 1.0
    near = neighbours(new, taken, round(more * replay.neighbours_per_memory), rng)
    near_old = neighbours(chosen_old, taken, of_each, rng)
    return [*dict.fromkeys([*near, *near_old])]


def _one_of(pair: Pair, nearest_one: bool, rng: random.Random) -> str:
    """A question for the pair; for one of the nearest it is half the time in plain words."""
    return rng.choice(plain_questions(*pair) if nearest_one and rng.random() < 0.5 else ask_about(pair))
