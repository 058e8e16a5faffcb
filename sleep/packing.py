"""Packing: many short question-and-answer examples in one row, with a single copy of their common prefix.

Promise: every example sees exactly the tokens and positions it would see alone, so the loss is that of
separate rows, without padding and without computing the system prompt once per example. Knows nothing about
models or losses.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `Example` is used awake too, where torch is never loaded
    import torch
    from torch import Tensor

    from .segments import Layout

ROW_MULTIPLE = 32
DARK, STORED, OLD = "dark", "stored", "old"
"""Kinds of example that replay earlier nights: by stored distribution, by stored answer, by new questions."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training example in tokens: `ids[answer_start:]` is what the loss is taken on.

    `top` (anchors and the kind `dark`) holds for each answer token the stored distribution: (token id,
    log-probability) pairs.
    """

    ids: tuple[int, ...]
    answer_start: int
    kind: str
    weight: float = 1.0
    memory: str = ""
    prompt: str = ""  # examples of one name share their system prompt
    top: tuple[tuple[tuple[int, float], ...], ...] = ()
    wrong_at: int = 0  # at which of the answer's tokens these would be wrong
    wrong: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """One row of T tokens: `ids` and `positions` are [1, T]; N answer tokens are predicted from it."""

    ids: Tensor
    positions: Tensor
    segments: Layout
    source: Tensor  # [N] row positions whose logits predict the answer tokens
    target: Tensor  # [N] the answer tokens
    weight: Tensor  # [N] loss weights
    owner: tuple[int, ...]  # [N] which of `examples` each target belongs to
    examples: tuple[Example, ...]
    places: tuple[
        tuple[range, range], ...
    ]  # of each example's prefix, which others may share, and of the rest
    tokens: int  # T without the padding


def common_prefix(examples: Sequence[Example]) -> int:
    """Length of the longest prefix that all prompts share (never reaching into an answer)."""
    shortest = min(example.answer_start for example in examples) - 1
    first = examples[0].ids
    length = 0
    while length < shortest and all(example.ids[length] == first[length] for example in examples):
        length += 1
    return length


def pack(examples: Sequence[Example], dtype: torch.dtype) -> Pack:
    """Lays examples out, group by group, after the prefix the group shares; `dtype` is that of the mask."""
    import torch

    from .segments import layout

    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.prompt, []).append(example)
    ids: list[int] = []
    positions: list[int] = []
    spans: list[tuple[range, range]] = []
    source: list[int] = []
    ordered: list[Example] = []
    places: list[tuple[range, range]] = []
    for group in groups.values():
        length = common_prefix(group) if len(group) > 1 else 0
        prefix = range(len(ids), len(ids) + length)
        if length:
            spans.append((range(0), prefix))
            ids.extend(group[0].ids[:length])
            positions.extend(range(length))
        for example in group:
            start = len(ids)
            own = range(start, start + len(example.ids) - length)
            spans.append((prefix, own))
            ids.extend(example.ids[length:])
            positions.extend(range(length, len(example.ids)))
            source.extend(start - length + at - 1 for at in range(example.answer_start, len(example.ids)))
            ordered.append(example)
            places.append((prefix, own))
    # Matrix kernels are compiled for each new row length; with few lengths they are compiled once.
    missing = -len(ids) % ROW_MULTIPLE
    if missing:
        spans.append((range(0), range(len(ids), len(ids) + missing)))
    ids.extend([0] * missing)
    positions.extend([0] * missing)
    answers = [example.ids[example.answer_start :] for example in ordered]
    return Pack(
        ids=torch.tensor([ids]),
        positions=torch.tensor([positions]),
        segments=layout(spans, len(ids), dtype),
        source=torch.tensor(source),
        target=torch.tensor([token for answer in answers for token in answer]),
        weight=torch.tensor(
            [example.weight for example in ordered for _ in example.ids[example.answer_start :]]
        ),
        owner=tuple(index for index, answer in enumerate(answers) for _ in answer),
        examples=tuple(ordered),
        places=tuple(places),
        tokens=len(ids) - missing,
    )


def batches(examples: Sequence[Example], tokens_per_step: int, rng: random.Random) -> list[list[Example]]:
    """Shuffles and cuts into steps of about `tokens_per_step` tokens; one rng state gives one result."""
    order = list(examples)
    rng.shuffle(order)
    steps: list[list[Example]] = []
    current: list[Example] = []
    size = 0
    for example in order:
        length = len(example.ids)
        if current and size + length > tokens_per_step:
            steps.append(current)
            current, size = [], 0
        current.append(example)
        size += length
    if current:
        steps.append(current)
    return steps


def alike(examples: Sequence[Example], tokens: int) -> Iterator[list[Example]]:
    """All of them, those of like length together, of about `tokens` tokens at a time: less is padded."""
    some: list[Example] = []
    size = 0
    for example in sorted(examples, key=lambda example: len(example.ids)):
        if some and size + len(example.ids) > tokens:
            yield some
            some, size = [], 0
        some.append(example)
        size += len(example.ids)
    if some:
        yield some
