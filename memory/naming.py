"""Which of the names it was taught a question asks for, as an encoder reads it beside the language model.

An adapter's answers name what they are about ("Your dog's name is ..."), and so small a language model takes
many a question for another name. A sentence encoder knows better which of a few names is meant. Its weights
for that are trained once, on the bank of kinds (`sleep/train_naming.py`), and come with the package; of an
adapter they see the names it was taught, never a value or a word that was told. Promise: nothing is opened
before the first question. Knows encoders and names; nothing of memories, engines or answers.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .home import cache_path
from .manifest import TaughtName

if TYPE_CHECKING:
    from .episodes.embedder import Embedder

WEIGHTS_NAME = "naming.safetensors"
_LEAST = 1e-3  # probability mass that counts as none
SHARPNESS = 20.0
"""Of the head's logits, since vectors are unit length."""
_LAYERS = 3
_LEAST_WORDS = 3  # of a sentence
_MOST_HEARD = 512
_PASSAGE = 64  # questions read at once
_OPENING = threading.Lock()
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")

Floats = NDArray[np.float32]


class Namer:
    """The encoder and what was trained upon it. `weights`: `names`, `head`, `head_bias`, `questions_map`,
    `names_map`, `mean`, `scale`, the layers `layer0` to `layer2` with `bias0` to `bias2`, `asks` and
    `asks_bias`; `kinds` are the names that the rows of `names` and `head` stand for. Safe to use from several
    threads.
    """

    def __init__(self, embedder: Embedder, kinds: Sequence[str], weights: Mapping[str, Floats]) -> None:
        self._embedder = embedder
        self._rows = {name: row for row, name in enumerate(kinds)}
        self._weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        names = _unit(self._weights["names"])
        self._names, self._mapped = names, mapped(names, self._weights["names_map"])

    def embed(self, texts: Sequence[str]) -> Floats:
        """[len(texts), dimensions], unit length. Raises EngineError."""
        return np.asarray(self._embedder.embed(texts), np.float32)

    def names(self, names: Sequence[str]) -> Floats:
        """[len(names), dimensions], unit length; embeds those that no kind goes by. Raises EngineError."""
        strange = [name for name in dict.fromkeys(names) if name not in self._rows]
        embedded = (
            dict(zip(strange, self.embed([named(name) for name in strange]), strict=True)) if strange else {}
        )
        rows = [embedded[name] if name in embedded else self._names[self._rows[name]] for name in names]
        return np.stack(rows)

    def is_kind(self, name: str) -> bool:
        """Whether these weights know a kind by this name."""
        return name in self._rows

    def rows_of(self, name: TaughtName) -> list[int]:
        """The kinds that a name could mean, of those these weights know."""
        return [self._rows[kind] for kind in name.means if kind in self._rows]

    def asking(self, words: Sequence[str]) -> list[float]:
        """How likely each of these asks for something, whatever for, by its likeliest sentence; one that ends
        with a question mark does.
        """
        parts = [sentences(text) for text in words]
        unmarked = [[part for part in several if not marked(part)] for several in parts]
        new = [part for several in unmarked for part in several]
        likely = iter(self._asks(new)) if new else iter(())
        found = []
        for several, told in zip(parts, unmarked, strict=True):
            each = [next(likely) for _ in told]
            found.append(max(each) if len(told) == len(several) else 1.0)
        return found

    def _asks(self, sentences: Sequence[str]) -> list[float]:
        vectors, weights = self.embed(sentences), self._weights
        likely: list[float] = asks_at_all(vectors, weights["asks"], weights["asks_bias"]).tolist()
        return likely

    def likely(self, questions: Floats, taught: Sequence[Floats], rows: Sequence[Sequence[int]]) -> Floats:
        """How likely each question [n, dimensions] asks for each of the m things `taught`, whose names are
        [names, dimensions] each: [n, m] from 0 to 1, which of one question need not sum to 1. `rows` are the
        kinds that each of them could mean.
        """
        seen = features(
            questions,
            taught,
            rows,
            self._names,
            kinds_probability(questions, self._weights["head"], self._weights["head_bias"]),
            (self._weights["questions_map"], self._weights["names_map"]),
            self._mapped,
        )
        return asks_for(self._weights, seen)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a question most likely asks for: the `names` that this goes by, its own first, and how likely; in
    `others` how likely it asks for what goes by each of all names.
    """

    names: tuple[str, ...]
    likely: float
    others: Mapping[str, float] = field(default_factory=dict)


class Names:
    """The names that an adapter was taught, to be asked which of them a question asks for."""

    def __init__(self, taught: Sequence[TaughtName], namer: Namer | None = None) -> None:
        self.taught = tuple(taught)
        self._several = [(each.name, *each.also) for each in self.taught]
        self._known = {name for each in self.taught for name in (each.name, *each.also, *each.means)}
        self._namer = namer
        # A talk is looked through again each turn. No words are kept, and nobody else's are among them.
        self._heard: dict[int, float] = {}
        self._read: tuple[list[Floats], list[list[int]]] | None = None
        self._lock = threading.Lock()

    def asking(self, words: Sequence[str]) -> list[float]:
        """How likely somebody asks for something with these words, in any sentence, and does not only tell.
        Raises BadEmbedder and EngineError.
        """
        with self._lock:
            known = {text: self._heard[hash(text)] for text in words if hash(text) in self._heard}
        if new := [text for text in dict.fromkeys(words) if text not in known]:
            known |= zip(new, (self._namer or carried()).asking(new), strict=True)
            with self._lock:
                if len(self._heard) > _MOST_HEARD:
                    self._heard.clear()
                self._heard |= {hash(text): asks for text, asks in known.items()}
        return [known[text] for text in words]

    def goes_by(self, name: str) -> bool:
        """Whether something that was taught goes by this name, or could mean it."""
        return name in self._known

    def is_kind(self, name: str) -> bool:
        """Whether it is the name of a kind: then what could mean it is known. Raises BadEmbedder."""
        return (self._namer or carried()).is_kind(name)

    def asked_for(self, questions: Sequence[str]) -> list[Meant]:
        """What each question most likely asks for. Raises BadEmbedder and EngineError."""
        if not self.taught:
            return [Meant((), 0.0)] * len(questions)
        namer = self._namer or carried()
        with self._lock:
            if self._read is None:
                vectors = namer.names([name for several in self._several for name in several])
                ends = np.cumsum([len(several) for several in self._several])[:-1]
                self._read = np.split(vectors, ends), [namer.rows_of(each) for each in self.taught]
        found = []
        for start in range(0, len(questions), _PASSAGE):
            likely = namer.likely(namer.embed(questions[start : start + _PASSAGE]), *self._read)
            found += [self._meant(row) for row in likely]
        return found

    def _meant(self, likely: Floats) -> Meant:
        best = int(likely.argmax())
        others = {
            name: float(share)
            for several, share in zip(self._several, likely, strict=True)
            for name in several
        }
        return Meant(self._several[best], float(likely[best]), others)


def sentences(text: str) -> list[str]:
    """Of what somebody typed; at least one. What is too short for one belongs to those before ("Dr. Kos")."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text):
        if found and len(part.split()) < _LEAST_WORDS and not part.rstrip().endswith("?"):
            found[-1] = f"{found[-1]} {part}"
        elif part.strip():
            found.append(part)
    return found or [text]


def marked(sentence: str) -> bool:
    """Whether it is marked as a question."""
    return sentence.rstrip().endswith("?")


def asks_at_all(vectors: Floats, weights: Floats, bias: Floats) -> Floats:
    """How likely sentences [n, dimensions] ask for something: [n], from 0 to 1."""
    likely: Floats = 1.0 / (1.0 + np.exp(-(SHARPNESS * (vectors @ weights) + bias)))
    return likely


def named(name: str) -> str:
    """A name as the encoder reads it."""
    return f"your {name}"


@lru_cache(maxsize=64)
def names_of(taught: tuple[TaughtName, ...]) -> Names | None:
    """One object for the same names, so that they are embedded once; None where there are none."""
    return Names(taught) if taught else None


def carried() -> Namer:
    """With the weights that come with the package; opened once in a process. Raises BadEmbedder."""
    with _OPENING:
        return _opened(cache_path())


@cache
def _opened(cache: Path) -> Namer:
    from safetensors import safe_open

    from .episodes.embedder import MINILM, open_embedder

    package = resources.as_file(resources.files(__package__) / WEIGHTS_NAME)
    with package as path, safe_open(path, "np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        kinds = file.metadata()["kinds"].split("\n")
    return Namer(open_embedder(MINILM, cache), kinds, weights)


def features(
    questions: Floats,
    taught: Sequence[Floats],
    rows: Sequence[Sequence[int]],
    names: Floats,
    probability: Floats,
    maps: tuple[Floats, Floats],
    names_mapped: Floats,
    known: Sequence[int] | None = None,
) -> Floats:
    """What is looked at to tell whether a question [n, d] asks for one of m things taught, [n, m, 10].

    By turns for the nearest of its names (`taught`, [names, d] each), for that of the other things taught and
    for the nearest kind that none of them could mean (`rows` of `names` [k, d]): how near they are, how near
    in the space that `maps` ([d, d] each, for questions and for names; `names_mapped` is `names` in it) lead
    to, and how likely the head takes the question for one of its kinds (`probability`, [n, k]). The last says
    whether it means any kind. `known` are the kinds looked at; all by default.
    """
    means = np.zeros((len(rows), len(names)), bool)
    for row, kinds in enumerate(rows):
        means[row, list(kinds)] = True
    strange = ~means.any(axis=0)
    if known is not None:
        strange &= np.isin(np.arange(len(names)), known)
    found = []
    asked, every = mapped(questions, maps[0]), np.concatenate(taught)
    starts = np.cumsum([0, *(len(several) for several in taught)])[:-1]
    for each, others in (
        (questions @ every.T, questions @ names[strange].T),
        (asked @ mapped(every, maps[1]).T, asked @ names_mapped[strange].T),
    ):
        near = np.maximum.reduceat(each, starts, axis=1)
        found += [near, near - _best_other(near, 0.0), near - _best(others, 0.0)[:, None]]
    mass = probability @ means.T.astype(np.float32)
    strangers = np.broadcast_to(_best(probability[:, strange], 0.0)[:, None], mass.shape)
    found += [np.log(each + _LEAST) for each in (mass, _best_other(mass, 0.0), strangers)]
    found.append(np.broadcast_to(means.any(axis=1).astype(np.float32), mass.shape))
    return np.stack(found, axis=-1).astype(np.float32)


def asks_for(network: Mapping[str, Floats], seen: Floats) -> Floats:
    """How likely a question asks for a name, from what is seen of both [..., features], [...]."""
    hidden: Floats = (seen - network["mean"]) / network["scale"]
    for layer in range(_LAYERS):
        hidden = hidden @ network[f"layer{layer}"].T + network[f"bias{layer}"]
        if layer < _LAYERS - 1:
            hidden = hidden * _sigmoid(hidden)
    return _sigmoid(hidden[..., 0])


def kinds_probability(questions: Floats, head: Floats, bias: Floats) -> Floats:
    """How likely each question [n, d] asks for each kind [k, d], by the head alone, [n, k]."""
    logits = (questions @ head.T + bias) * SHARPNESS
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def mapped(vectors: Floats, map: Floats) -> Floats:
    """[n, d] in the space that `map` [d, d] leads to, unit length."""
    return _unit(vectors + vectors @ map.T)


def _best(values: Floats, least: float) -> Floats:
    """The greatest of each row, `least` where there is none."""
    return np.asarray(values.max(axis=1, initial=least), np.float32)


def _best_other(values: Floats, least: float) -> Floats:
    """[n, m] -> for each the greatest of its row but itself, `least` where there is none."""
    if values.shape[1] == 1:
        return np.full_like(values, least)
    ranked = np.partition(values, -2, axis=1)[:, -2:]
    second, first = ranked[:, :1], ranked[:, 1:]
    return np.where(values == first, second, first).astype(np.float32)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-values)), np.float32)
