"""The blocks below the trained ones: what they make of each example is computed once, and read again later.

Promise: an example is given the same hidden states each time, bit for bit, also after the training was cut
short and begun again: they depend on the model and the examples alone. Knows models and packs; nothing of
losses or files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from .packing import alike, pack

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .packing import Example, Pack

MOST_BYTES = 1 << 30
TOKENS_AT_A_TIME = 3600


class Below:
    """The first `blocks` decoder blocks of `model`, which training leaves as they are, and what is above.

    Of `examples`, once they are computed, only the blocks above run. Nothing is kept where there are no
    blocks below, nor where the states of all would take more than `MOST_BYTES`.
    """

    def __init__(self, model: Any, blocks: int, examples: Sequence[Example] = ()) -> None:
        self._model = model
        self._below, self._above = model.model.layers[:blocks], model.model.layers[blocks:]
        width: int = model.config.hidden_size * model.dtype.itemsize
        fits = blocks and sum(len(example.ids) for example in examples) * width <= MOST_BYTES
        self._examples = list(examples) if fits else []
        self._kept: dict[int, Tensor] = {}

    def compute(self) -> Iterator[int]:
        """Runs the blocks below, many examples of like length at a time; yields how many are done."""

        def stop(block: nn.Module, given: tuple[Tensor, ...]) -> None:
            raise _Reached(given[0])

        for some in alike(self._examples, TOKENS_AT_A_TIME):
            row = pack(some, self._model.dtype)
            handle = self._above[0].register_forward_pre_hook(stop)
            try:
                with torch.no_grad():
                    self._run(row, input_ids=row.ids)
            except _Reached as reached:
                self._keep(row, reached.states)
            finally:
                handle.remove()
            yield len(self._kept)

    def last_hidden(self, row: Pack) -> Tensor:
        """The hidden states [T, width] that the output head reads, with gradients for the blocks above."""
        if not all(id(example) in self._kept for example in row.examples):
            return self._run(row, input_ids=row.ids)
        with _passing_on(self._below):
            return self._run(row, inputs_embeds=self._assembled(row))

    def _run(self, row: Pack, **inputs: Tensor) -> Tensor:
        out = self._model.model(position_ids=row.positions, segments=row.segments, use_cache=False, **inputs)
        hidden: Tensor = out.last_hidden_state[0]
        return hidden

    def _keep(self, row: Pack, states: Tensor) -> None:
        for example, (prefix, own) in zip(row.examples, row.places, strict=True):
            parts = (states[0, prefix.start : prefix.stop], states[0, own.start : own.stop])
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
