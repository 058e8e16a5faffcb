"""The blocks below the trained ones: what they make of each example is computed once, and read again later.

Promise: an example is given the hidden states that it had in the row where it came first, bit for bit, also
after the training was cut short and begun again. Knows models and packs; nothing of losses or files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from .packing import pack

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .packing import Example, Pack

MOST_BYTES = 1 << 30


class Below:
    """The first `blocks` decoder blocks of `model`, which training leaves as they are, and what is above.

    `examples` are those that come more than once. With none of them or none of the blocks nothing is kept,
    nor where the states of all would take more than `MOST_BYTES`.
    """

    def __init__(self, model: Any, blocks: int, examples: Sequence[Example] = ()) -> None:
        self._model = model
        self._below, self._above = model.model.layers[:blocks], model.model.layers[blocks:]
        width: int = model.config.hidden_size * model.dtype.itemsize
        fits = blocks and sum(len(example.ids) for example in examples) * width <= MOST_BYTES
        self._wanted = {id(example) for example in examples} if fits else set()
        self._kept: dict[int, Tensor] = {}

    def last_hidden(self, row: Pack) -> Tensor:
        """The hidden states [T, width] that the output head reads, with gradients for the blocks above."""
        if all(id(example) in self._kept for example in row.examples):
            with _passing_on(self._below):
                return self._run(row, inputs_embeds=self._assembled(row))
        handle = self._above[0].register_forward_pre_hook(lambda block, given: self._keep(row, given[0]))
        try:
            return self._run(row, input_ids=row.ids)
        finally:
            handle.remove()

    def catch_up(self, steps: Sequence[Sequence[Example]]) -> None:
        """Computes what would be kept had these steps been done, and nothing above it."""

        def stop(block: nn.Module, given: tuple[Tensor, ...]) -> None:
            raise _Reached(given[0])

        for step in steps:
            if not any(id(each) in self._wanted and id(each) not in self._kept for each in step):
                continue
            row = pack(step, self._model.dtype)
            handle = self._above[0].register_forward_pre_hook(stop)
            try:
                with torch.no_grad():
                    self._run(row, input_ids=row.ids)
            except _Reached as reached:
                self._keep(row, reached.states)
            finally:
                handle.remove()

    def _run(self, row: Pack, **inputs: Tensor) -> Tensor:
        out = self._model.model(position_ids=row.positions, segments=row.segments, use_cache=False, **inputs)
        hidden: Tensor = out.last_hidden_state[0]
        return hidden

    def _keep(self, row: Pack, hidden: Tensor) -> None:
        states = hidden.detach()[0]
        for example, (prefix, own) in zip(row.examples, row.places, strict=True):
            if id(example) in self._wanted and id(example) not in self._kept:
                parts = (states[prefix.start : prefix.stop], states[own.start : own.stop])
                self._kept[id(example)] = torch.cat(parts)

    def _assembled(self, row: Pack) -> Tensor:
        """The row's hidden states [1, T, width] from those of its examples; zeros for its padding."""
        hidden = torch.zeros((1, row.ids.shape[1], self._model.config.hidden_size), dtype=self._model.dtype)
        for example, (prefix, own) in zip(row.examples, row.places, strict=True):
            states = self._kept[id(example)]
            hidden[0, prefix.start : prefix.stop] = states[: len(prefix)]
            hidden[0, own.start : own.stop] = states[len(prefix) :]
        return hidden


class _Reached(Exception):
    """The blocks below are done; carries their hidden states [1, T, width]."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


@contextmanager
def _passing_on(blocks: Sequence[nn.Module]) -> Iterator[None]:
    """Meanwhile the blocks give back what they are given."""
    for block in blocks:
        block.forward = lambda hidden_states, *args, **kwargs: hidden_states
    try:
        yield
    finally:
        for block in blocks:
            del block.forward
