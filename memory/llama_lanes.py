"""Several answers computed side by side, in a context of their own beside the one that chats.

Promise: each lane's tokens see the lane's own prompt and answer alone; what all prompts begin with is
computed once. A model this small waits for its weights to be read, so that sixteen tokens of sixteen answers
cost little more than one. Knows ids and logits; nothing of text or sampling.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import EngineError
from .llama_context import STEP_TOKENS, LlamaContext
from .llama_library import last_reason, llama

LANES = 16
_SETTLED = 16  # steps: more than it takes to be asked for a word
_PAD = 256  # llama.cpp rounds a context's size up to it


@dataclass(slots=True)
class Lane:
    """One sequence: the tokens still to be computed, and how many are."""

    number: int
    waiting: list[int]
    at: int


class LlamaLanes:
    """`count` sequences of `context_tokens` in all, under one adapter stack; `prefix` begins each of them.

    Every call stands inside the owner's `computing()`. Raises EngineError when no context can be made.
    """

    def __init__(
        self,
        owner: LlamaContext,
        adapters: Sequence[tuple[Any, float]],
        *,
        count: int,
        context_tokens: int,
        prefix: Sequence[int],
    ) -> None:
        self._library = library = llama()
        self._owner, self._count, self._prefix = owner, count, tuple(prefix)
        self._steps = 0
        tokens = -(-(context_tokens + len(prefix)) // _PAD) * _PAD
        self._context = owner.beside(tokens, count + 1)
        self._memory = library.llama_get_memory(self._context)
        self._batch = library.llama_batch_init(STEP_TOKENS, 0, 1)
        self._width = int(library.llama_vocab_n_tokens(owner.vocabulary_handle))
        self._mount(adapters)
        self._read_prefix()

    def open(self, number: int, ids: Sequence[int]) -> Lane:
        """A lane that begins anew with `ids`, of which the prefix is there already."""
        library, shared = self._library, len(self._prefix)
        library.llama_memory_seq_rm(self._memory, number, -1, -1)
        if shared:
            library.llama_memory_seq_cp(self._memory, self._count, number, -1, -1)
        return Lane(number, list(ids[shared:]), shared)

    def step(self, lanes: Sequence[Lane]) -> list[tuple[Lane, NDArray[np.float32]]]:
        """Computes what waits in `lanes`, as far as one step goes: who waits for it to end waits no longer.

        Returns the lanes that nothing waits in any more, each with the logits [vocabulary] after its last
        token: views, overwritten by the next step.
        """
        batch, used, ends = self._batch, 0, []
        self._steps += 1
        if self._steps == _SETTLED:
            self._owner.settle()
        for lane in lanes:
            taken = lane.waiting[: STEP_TOKENS - used]
            del lane.waiting[: len(taken)]
            for offset, token in enumerate(taken):
                last = not lane.waiting and offset == len(taken) - 1
                self._put(used, token, lane.at + offset, lane.number, last)
                used += 1
            lane.at += len(taken)
            if taken and not lane.waiting:
                ends.append((lane, used - 1))
        batch.n_tokens = used
        self._compute()
        return [(lane, self._logits(place)) for lane, place in ends]

    def close(self) -> None:
        """Frees it. May be called again, and after its owner was freed."""
        batch, self._batch = self._batch, None
        if batch is not None:
            self._library.llama_batch_free(batch)
        self._owner.free_beside(self._context)

    def _mount(self, adapters: Sequence[tuple[Any, float]]) -> None:
        pointers = (ctypes.c_void_p * len(adapters))(
            *[ctypes.cast(pointer, ctypes.c_void_p) for pointer, _ in adapters]
        )
        scales = (ctypes.c_float * len(adapters))(*[scale for _, scale in adapters])
        argument = ctypes.cast(pointers, self._library.llama_set_adapters_lora.argtypes[1])
        if self._library.llama_set_adapters_lora(self._context, argument, len(adapters), scales) != 0:
            raise EngineError(f"llama.cpp would not mount the adapters: {last_reason('no reason given')}")

    def _read_prefix(self) -> None:
        lane = Lane(self._count, list(self._prefix), 0)
        while lane.waiting:
            self.step([lane])

    def _put(self, place: int, token: int, position: int, lane: int, wanted: bool) -> None:
        batch = self._batch
        batch.token[place] = token
        batch.pos[place] = position
        batch.n_seq_id[place] = 1
        batch.seq_id[place][0] = lane
        batch.logits[place] = wanted

    def _compute(self) -> None:
        code = self._library.llama_decode(self._context, self._batch)
        if code != 0:
            raise EngineError(f"llama.cpp could not compute a step (llama_decode returned {code})")

    def _logits(self, place: int) -> NDArray[np.float32]:
        pointer = self._library.llama_get_logits_ith(self._context, place)
        if not pointer:
            raise EngineError("llama.cpp kept no logits for a token")
        return np.ctypeslib.as_array(pointer, (self._width,))
