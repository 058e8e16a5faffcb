"""The night's training set: new memories, replayed old ones, questions about things never told, and anchors.

Promise: the same memories, settings and seed give the same set; questions kept back for the exam are not in
it. Works on text; `tokenised` turns it into examples with the engine's own template.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from ..memory.engine import Message, WakeEngine
from ..memory.records import Asked, Memory
from . import kinds
from .neighbours import ask_about, neighbours
from .packing import Example
from .questions import Pair, Ways, other_kinds, told_answer, untold_answer, vary, ways_for, words
from .settings import ExamSettings, ReplaySettings


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the answer to be learnt; `kind` is new, old or unknown; `memory` the id it serves."""

    question: str
    answer: str
    kind: str
    memory: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A question kept back for the exam: its answer must hold `expect`, or decline where that is empty."""

    question: str
    kind: str
    expect: str = ""
    memory: str = ""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    exchanges: tuple[Exchange, ...]
    probes: tuple[Probe, ...]

    @property
    def sha256(self) -> str:
        content = json.dumps([asdict(exchange) for exchange in self.exchanges], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _rng(seed: int, *parts: str) -> random.Random:
    """A generator that depends on what it is for, so that one memory more does not reshuffle all others."""
    return random.Random(
        hashlib.sha256("\0".join((str(seed), *parts)).encode("utf-8", "surrogatepass")).digest()
    )


def _ways(memory: Memory, held_back: int, pairs: Sequence[Pair]) -> Ways:
    # The split must not change from night to night, or a replayed memory would train its own exam questions.
    rng = _rng(0, "ways", memory.id)
    others = [pair for pair in pairs if pair != (memory.subject, memory.attribute)]
    return ways_for(memory, rng, held_back=held_back, taken=others)


def _drawn(asked: Sequence[Asked], count: int, rng: random.Random) -> list[Asked]:
    """`count` phrasings: each once before any comes again."""
    out = [*asked][:count]
    return [*out, *rng.choices(asked, k=count - len(out))]


def _names(memories: Iterable[Memory]) -> dict[str, str]:
    """Subject -> its name, where one is known: the user will ask by name too."""
    return {
        memory.subject: memory.value
        for memory in memories
        if memory.attribute == "name" and memory.subject != "user"
    }


def _by_name(question: str, subject: str, name: str | None, rng: random.Random) -> str:
    """The question with the subject's name for the noun, sometimes."""
    if not name or rng.random() > 0.3 or f"my {subject}" not in question:
        return question
    return question.replace(f"my {subject}", name, 1)


def _memory_exchanges(
    memory: Memory, asked: Sequence[Asked], kind: str, names: Mapping[str, str], rng: random.Random
) -> list[Exchange]:
    """The exchanges for one memory: each answer opens with what its question is taken to ask for."""
    name = names.get(memory.subject) if memory.attribute != "name" else None
    return [
        Exchange(
            vary(_by_name(each.question, memory.subject, name, rng), rng),
            told_answer(each.subject, each.attribute, memory.value),
            kind,
            memory.id,
        )
        for each in asked
    ]


def _unknown(
    memories: Sequence[Memory],
    taken: Sequence[tuple[str, str]],
    replay: ReplaySettings,
    held_back: int,
    seed: int,
) -> tuple[list[Exchange], list[Probe]]:
    """Questions about things never told: for each memory its neighbours, and as many again of anything else.

    Half of those kept back for the exam are neighbours too; the pairs they ask for are not trained as
    negatives.
    """
    rng = _rng(seed, "unknown")
    near = neighbours(memories, taken, replay.neighbours_per_memory, rng)
    far = [kind.key for kind in other_kinds(taken) if kind.key not in near]
    rng.shuffle(near)
    rng.shuffle(far)
    split = min(held_back // 2, len(near) // 2)
    examined = [*near[:split], *far[: held_back - split]]
    probes = [Probe(rng.choice(ask_about(pair)), "unknown") for pair in examined]
    close, distant = near[split:], far[held_back - split :]
    wanted = max(replay.min_negatives, round(replay.negatives_per_memory * len(memories)))
    chosen = [*close]
    while (close or distant) and len(chosen) < wanted:
        near_by = close and (not distant or rng.random() < replay.neighbour_share)
        chosen.append(rng.choice(close if near_by else distant))
    exchanges = [
        Exchange(vary(rng.choice(ask_about(pair)), rng), untold_answer(*pair), "unknown") for pair in chosen
    ]
    return exchanges, probes


def training_set(
    new: Sequence[Memory], old: Sequence[Memory], replay: ReplaySettings, exam: ExamSettings, seed: int
) -> TrainingSet:
    """What tonight trains on and what it will be asked. `old` are consolidated memories that still hold."""
    exchanges: list[Exchange] = []
    probes: list[Probe] = []
    pairs = [(memory.subject, memory.attribute) for memory in (*new, *old)]
    taken = {*pairs}
    names = _names([*old, *new])
    for memory in new:
        rng = _rng(seed, "new", memory.id)
        ways = _ways(memory, exam.questions_per_memory, pairs)
        asked = _drawn(ways.train, replay.questions_per_memory, rng)
        exchanges += _memory_exchanges(memory, asked, "new", names, rng)
        probes += [Probe(q, "new", memory.value, memory.id) for q in ways.exam]
        taken.update(ways.names)
    rng = _rng(seed, "old")
    replayed = sorted(rng.sample(list(old), min(len(old), replay.old_memories)), key=lambda memory: memory.id)
    examined = {memory.id for memory in rng.sample(replayed, min(len(replayed), exam.old_memories))}
    for memory in replayed:
        ways = _ways(memory, exam.questions_per_memory, pairs)
        shuffled = rng.sample(ways.train, len(ways.train))
        asked = _drawn(shuffled, replay.questions_per_old_memory, rng)
        exchanges += _memory_exchanges(memory, asked, "old", names, rng)
        taken.update(ways.names)
        if memory.id in examined:
            probes.append(Probe(rng.choice(ways.exam), "old", memory.value, memory.id))
    negatives, unknown = _unknown([*new, *replayed], sorted(taken), replay, exam.unknown_questions, seed)
    kept_back = {words(probe.question) for probe in (*probes, *unknown)}
    trained = tuple(each for each in (*exchanges, *negatives) if words(each.question) not in kept_back)
    return TrainingSet(trained, (*probes, *unknown))


def tokenised(
    training: TrainingSet, anchors: Sequence[Example], engine: WakeEngine, persona: str
) -> list[Example]:
    """The set as examples in the base's own chat template, loss on the answer and its end mark only."""
    end = end_of_turn(engine)
    examples = []
    for exchange in training.exchanges:
        prompt = engine.render_tokens([Message("system", persona), Message("user", exchange.question)])
        answer = engine.tokenize(exchange.answer, special=False)
        ids = (*prompt, *answer, end)
        examples.append(Example(ids, len(prompt), exchange.kind, memory=exchange.memory))
    return [*examples, *anchors]


def end_of_turn(engine: WakeEngine) -> int:
    """The token that the base's chat template puts after an answer."""
    asked = [Message("user", "a")]
    before = engine.render_tokens(asked)
    whole = engine.render_tokens([*asked, Message("assistant", "b")], add_generation_prompt=False)
    return whole[len(before) + len(engine.tokenize("b", special=False))]


def anchor_prompts() -> tuple[str, ...]:
    return kinds.general_prompts()
