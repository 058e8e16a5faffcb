"""The night's training set: new memories, two draws from what earlier nights learnt, questions about things
never told, and anchors.

Promise: the same memories, buffer, settings and seed give the same set, of bounded size however many nights
there were; questions kept back for the exam are not in it. Works on text; `tokenised` turns it into examples
with the engine's own template.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TypeVar

from ..memory.engine import Message, WakeEngine
from ..memory.records import Asked, Memory
from . import kinds
from .buffer import Row, draw
from .chance import rng_for
from .contrast import contrasted
from .kinds import Pair, words
from .naming import other_names
from .neighbours import like
from .packing import DARK, OLD, STORED, Example
from .questions import (
    Ways,
    may_mean_the_same,
    told_answer,
    untold_answer,
    vary,
    ways_for,
)
from .records import Exchange, Probe
from .settings import ExamSettings, ReplaySettings
from .untold import untold

_Question = TypeVar("_Question", Asked, Row)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """`exchanges` are trained, `probes` asked in the exam; `dark` are the rows drawn for what they store.

    `due` are the kinds of probes the night owes: new, untrue and old where there are such memories, neighbour
    where something is near what was told, unknown always.
    """

    exchanges: tuple[Exchange, ...]
    probes: tuple[Probe, ...]
    dark: tuple[Row, ...] = ()
    due: tuple[str, ...] = ()

    @property
    def everything(self) -> list[Exchange]:
        """All that is trained, in words."""
        drawn = [
            Exchange(row.question, row.answer, DARK, row.memory, row.subject, row.attribute)
            for row in self.dark
        ]
        return [*self.exchanges, *drawn]

    @property
    def sha256(self) -> str:
        content = json.dumps([asdict(each) for each in self.everything], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _ways(memory: Memory, held_back: int, pairs: Sequence[Pair]) -> Ways:
    # The split must not change from night to night, or a replayed memory would train its own exam questions.
    rng = rng_for(0, "ways", memory.id)
    others = [pair for pair in pairs if pair != (memory.subject, memory.attribute)]
    return ways_for(memory, rng, held_back=held_back, taken=others, apart=like(memory))


def _goes_by(memory: Memory, pairs: Sequence[Pair]) -> list[Pair]:
    """The memory's own pair and its other names, which are none of the other `pairs`."""
    own = (memory.subject, memory.attribute)
    return [own, *other_names(memory, [pair for pair in pairs if pair != own])]


def _drawn(asked: Sequence[Asked], count: int, rng: random.Random) -> list[Asked]:
    """`count` phrasings: each once before any comes again."""
    out = [*asked][:count]
    return [*out, *rng.choices(asked, k=count - len(out))]


def _usual_first(asked: Sequence[_Question], rng: random.Random) -> list[_Question]:
    """What people ask in the same words, then the others; both in a random order."""
    shuffled = rng.sample(asked, len(asked))
    return sorted(shuffled, key=lambda each: not _is_usual(each.question, (each.subject, each.attribute)))


def _is_usual(question: str, pair: Pair) -> bool:
    """Whether people often ask for the pair so, whatever else the question opens with."""
    asked = words(question)
    return any(asked[-len(usual) :] == usual for usual in map(words, kinds.asked_often().get(pair, ())))


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
            each.subject,
            each.attribute,
        )
        for each in asked
    ]


def _declining(memory: Memory, ways: Ways, count: int, rng: random.Random) -> list[Exchange]:
    """What asks for a memory that is untrue, declined."""
    return [
        Exchange(
            vary(each.question, rng),
            untold_answer(each.subject, each.attribute),
            "unknown",
            memory.id,
            each.subject,
            each.attribute,
        )
        for each in _drawn(ways.train, count, rng)
    ]


def training_set(
    new: Sequence[Memory],
    old: Sequence[Memory],
    replay: ReplaySettings,
    exam: ExamSettings,
    seed: int,
    rows: Sequence[Row] = (),
    untrue: Sequence[Memory] = (),
    beside: Sequence[Memory] = (),
) -> TrainingSet:
    """What tonight trains on and what it will be asked. `old` are consolidated memories that still hold.

    `rows` are those of the buffer that still hold (see `holds`); the memories among `old` that none of them
    serves are asked for anew. What asks for those that are `untrue`, which were learnt once, is declined.
    `beside` are memories that hold, too, and have no part in it: they are not declined.
    """
    pairs = [(memory.subject, memory.attribute) for memory in (*new, *old)]
    standing = [pair for memory in (*old, *beside) for pair in _goes_by(memory, pairs)]
    chosen = _Chosen({*pairs, *standing})
    names = _names([*old, *new])
    _teach(chosen, new, untrue, pairs, names, replay, exam, seed)
    replayed = _keep(chosen, old, pairs, names, replay, exam, seed, {row.memory for row in rows})
    stored, dark = _two_draws(rows, chosen.taken, replay, seed)
    negatives = untold(new, replayed, sorted(chosen.taken), replay, exam.unknown_questions, seed)
    probes = (*chosen.probes, *negatives.probes)
    kept_back = {words(probe.question) for probe in probes}

    def trained(each: Exchange | Row) -> bool:
        return words(each.question) not in kept_back

    return TrainingSet(
        tuple(filter(trained, (*chosen.exchanges, *stored, *negatives.exchanges))),
        probes,
        tuple(filter(trained, dark)),
        _due({"new": bool(new), "untrue": bool(untrue)}, bool(old), negatives.near, exam),
    )


@dataclass(slots=True)
class _Chosen:
    """What is trained and asked so far, and the pairs that are `taken`, about which nothing is declined."""

    taken: set[Pair]
    exchanges: list[Exchange] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)


def _teach(
    chosen: _Chosen,
    new: Sequence[Memory],
    untrue: Sequence[Memory],
    pairs: Sequence[Pair],
    names: Mapping[str, str],
    replay: ReplaySettings,
    exam: ExamSettings,
    seed: int,
) -> None:
    """What is new, answered, and what is untrue, declined; a few ways to ask of each are kept back."""
    of_each = max(replay.questions_per_memory, replay.min_questions // max(1, len(new) + len(untrue)))
    for memory in new:
        rng = rng_for(seed, "new", memory.id)
        ways = _ways(memory, exam.questions_per_memory, pairs)
        asked = _drawn(ways.train, of_each, rng)
        chosen.exchanges += _memory_exchanges(memory, asked, "new", names, rng)
        chosen.probes += [Probe(q, "new", memory.value, memory.id) for q in ways.exam]
        chosen.taken.update(ways.names)
    for memory in untrue:
        ways = _ways(memory, exam.questions_per_memory, pairs)
        chosen.exchanges += _declining(memory, ways, of_each, rng_for(seed, "untrue", memory.id))
        chosen.probes += [Probe(question, "untrue", memory=memory.id) for question in ways.exam]


def _keep(
    chosen: _Chosen,
    old: Sequence[Memory],
    pairs: Sequence[Pair],
    names: Mapping[str, str],
    replay: ReplaySettings,
    exam: ExamSettings,
    seed: int,
    served: Container[str],
) -> list[Memory]:
    """Earlier memories: those that are replayed, which are returned, and those that are asked for. What the
    buffer's rows have `served`, by id, is not asked for anew.
    """
    rng = rng_for(seed, OLD)
    replayed = sorted(rng.sample(list(old), min(len(old), replay.old_memories)), key=lambda memory: memory.id)
    standing = sorted(old, key=lambda memory: memory.id)
    examined = {memory.id for memory in rng.sample(standing, min(len(standing), exam.old_memories))}
    again = {memory.id for memory in replayed}
    anew = {id for id in again if id not in served}
    share = max(1, replay.old_questions // max(1, len(anew)))
    for memory in standing:
        if memory.id not in again | examined:
            continue
        ways = _ways(memory, exam.questions_per_memory, pairs)
        if memory.id in anew:
            shuffled = _usual_first(ways.train, rng)
            asked = _drawn(shuffled, min(replay.questions_per_old_memory, share), rng)
            chosen.exchanges += _memory_exchanges(memory, asked, OLD, names, rng)
        if memory.id in examined:
            chosen.probes.append(Probe(rng.choice(ways.exam), OLD, memory.value, memory.id))
    return replayed


def _due(news: Mapping[str, bool], old: bool, near: bool, exam: ExamSettings) -> tuple[str, ...]:
    """The kinds that the exam owes: of such news, of earlier memories, of what is near what was told."""
    owed = {
        **news,
        "old": old and exam.old_memories > 0,
        "neighbour": near and exam.unknown_questions > 1,
        "unknown": True,
    }
    return tuple(kind for kind, is_due in owed.items() if is_due)


def _two_draws(
    rows: Sequence[Row], taken: Iterable[Pair], replay: ReplaySettings, seed: int
) -> tuple[list[Exchange], list[Row]]:
    """Two independent draws from the buffer: answers to train again, and rows to stay near."""
    standing = [row for row in rows if row.kind != "unknown" or not _told(row, taken)]
    stored = draw(standing, replay.drawn, rng_for(seed, STORED))
    dark = draw([row for row in standing if row.top], replay.drawn, rng_for(seed, DARK))
    again = [
        Exchange(row.question, row.answer, STORED, row.memory, row.subject, row.attribute) for row in stored
    ]
    return again, dark


def _told(row: Row, taken: Iterable[Pair]) -> bool:
    """Whether what the row declines may have been told since."""
    return may_mean_the_same((row.subject, row.attribute), [*taken])


def holds(row: Row, old: Mapping[str, Memory], pairs: Sequence[Pair], gone: Sequence[str]) -> bool:
    """Whether a row may still be replayed.

    Its memory is among `old` (by id) with the same value; what it declines is not among the `pairs` told; an
    answer by day holds none of the values that are `gone`.
    """
    if row.kind == "told":
        return row.memory in old and old[row.memory].value in row.answer
    if row.kind == "unknown":
        return not may_mean_the_same((row.subject, row.attribute), pairs)
    return not any(value and value in row.answer for value in gone)


def to_be_kept(training: TrainingSet, replay: ReplaySettings, seed: int) -> list[Row]:
    """What tonight offers to the buffer: of each new memory as many phrasings as an old one is asked for by,
    the usual ones first, as many of each that is untrue, and a third as many questions that are declined.
    """
    of_memories: dict[str, list[Row]] = {}
    declined: list[Row] = []
    for each in training.exchanges:
        if each.kind == "new":
            row = Row(each.question, each.answer, "told", each.subject, each.attribute, each.memory)
            of_memories.setdefault(each.memory, []).append(row)
        elif each.kind == "unknown":
            mine = of_memories.setdefault(each.memory, []) if each.memory else declined
            mine.append(Row(each.question, each.answer, "unknown", each.subject, each.attribute))
    rng = rng_for(seed, "kept")
    of_each = replay.questions_per_old_memory
    rows = [row for mine in of_memories.values() for row in _usual_first(mine, rng)[:of_each]]
    rows += draw(declined, len(rows) // 3, rng)
    rng.shuffle(rows)
    return rows


def tokenised(
    training: TrainingSet,
    anchors: Sequence[Example],
    engine: WakeEngine,
    persona: str,
    memories: Sequence[Memory] = (),
) -> list[Example]:
    """The set as examples in the base's own chat template, loss on the answer and its end mark only.

    The values of `memories` are wrong answers for the others (see `contrasted`); without them nothing is.
    Rows whose stored tokens are not those of the answer any more are left out.
    """
    end = end_of_turn(engine)
    examples = []
    for exchange in training.exchanges:
        example = _example(engine, persona, exchange.question, exchange.answer, end)
        example = replace(example, kind=exchange.kind, memory=exchange.memory)
        if memories:
            example = contrasted(example, exchange.subject, exchange.attribute, memories, engine)
        examples.append(example)
    for row in training.dark:
        example = _example(engine, persona, row.question, row.answer, end)
        ids = (*example.ids[: example.answer_start], *row.ids)
        if row.kind == "trace" or ids == example.ids:
            examples.append(replace(example, ids=ids, kind=DARK, memory=row.memory, top=row.top))
    return [*examples, *anchors]


def as_examples(rows: Sequence[Row], engine: WakeEngine, persona: str) -> list[Example]:
    """Each row as it is asked and answered, for its distributions to be stored."""
    end = end_of_turn(engine)
    return [_example(engine, persona, row.question, row.answer, end) for row in rows]


def _example(engine: WakeEngine, persona: str, question: str, answer: str, end: int) -> Example:
    prompt = engine.render_tokens([Message("system", persona), Message("user", question)])
    return Example((*prompt, *engine.tokenize(answer, special=False), end), len(prompt), "new")


def end_of_turn(engine: WakeEngine) -> int:
    """The token that the base's chat template puts after an answer."""
    asked = [Message("user", "a")]
    before = engine.render_tokens(asked)
    whole = engine.render_tokens([*asked, Message("assistant", "b")], add_generation_prompt=False)
    return whole[len(before) + len(engine.tokenize("b", special=False))]


def anchor_prompts() -> tuple[str, ...]:
    return kinds.general_prompts()
