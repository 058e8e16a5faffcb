"""Attention over packed rows: each example attends to its shared prefix and itself, example by example.

Promise: the same numbers as full attention under the packed row's mask, at a cost that grows with the
examples' own lengths instead of the square of the row. Registered with transformers as attention
implementation `segments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

NAME = "segments"
_MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each segment's tokens lie in a row of T tokens.

    `queries` [S, L] and `keys` [S, K] are row positions (padding points to position 0), `mask` is additive
    [S, 1, L, K], `place` [T] says at which of the S * L query slots each row position is computed. `seen` [S]
    is how many of a segment's keys are its prefix.
    """

    queries: Tensor
    keys: Tensor
    mask: Tensor
    place: Tensor
    seen: Tensor


def _round_up(length: int) -> int:
    return -(-length // _MULTIPLE) * _MULTIPLE


def layout(spans: list[tuple[range, range]], row_length: int, dtype: torch.dtype) -> Layout:
    """`spans` holds for each segment (positions of the prefix it sees, its own positions)."""
    longest = _round_up(max(len(own) for _, own in spans))
    widest = _round_up(max(len(prefix) + len(own) for prefix, own in spans))
    queries = torch.zeros((len(spans), longest), dtype=torch.long)
    keys = torch.zeros((len(spans), widest), dtype=torch.long)
    visible = torch.zeros((len(spans), longest, widest), dtype=torch.bool)
    visible[:, :, 0] = True  # padded rows see something, so that their softmax is finite; nobody reads them
    place = torch.zeros(row_length, dtype=torch.long)
    for number, (prefix, own) in enumerate(spans):
        seen, length = len(prefix), len(own)
        queries[number, :length] = torch.arange(own.start, own.stop)
        keys[number, :seen] = torch.arange(prefix.start, prefix.stop)
        keys[number, seen : seen + length] = torch.arange(own.start, own.stop)
        visible[number, :length, :seen] = True
        visible[number, :length, seen : seen + length] = torch.ones(length, length, dtype=torch.bool).tril()
        place[own.start : own.stop] = number * longest + torch.arange(length)
    mask = torch.zeros(visible.shape, dtype=dtype).masked_fill_(~visible, torch.finfo(dtype).min)
    seen_by = torch.tensor([len(prefix) for prefix, _ in spans])
    return Layout(queries, keys, mask[:, None], place, seen_by)


def _within(layout: Layout, window: int) -> Tensor:
    """The mask of a layer whose tokens see at most `window` tokens back, themselves included."""
    slots, width = layout.mask.shape[2:]
    if width <= window:
        return layout.mask
    at = layout.seen[:, None] + torch.arange(slots)  # a segment's keys lie in the order of their positions
    far = (at[:, :, None] - torch.arange(width) >= window) & (layout.queries != 0)[:, :, None]
    return layout.mask.masked_fill(far[:, None], torch.finfo(layout.mask.dtype).min)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    segments: Layout | None = None,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Grouped-query attention; query [1, H, T, D], key and value [1, G, T, D] -> [1, T, H, D]."""
    if segments is None:
        raise ValueError("attention over segments needs the keyword argument `segments`")
    heads, length, width = query.shape[1:]
    groups = key.shape[1]
    count, slots = segments.queries.shape
    scale = width**-0.5 if scaling is None else scaling
    rows = query[0].transpose(0, 1).reshape(length, heads * width).index_select(0, segments.queries.flatten())
    # query heads that share a key head are laid out along the query axis: one product serves them all
    q = (
        rows.view(count, slots, groups, heads // groups, width)
        .permute(0, 2, 3, 1, 4)
        .reshape(count * groups, -1, width)
    )
    index = segments.keys.flatten()
    k = key[0].transpose(0, 1).reshape(length, groups * width).index_select(0, index)
    v = value[0].transpose(0, 1).reshape(length, groups * width).index_select(0, index)
    k = k.view(count, -1, groups, width).permute(0, 2, 3, 1).reshape(count * groups, width, -1)
    v = v.view(count, -1, groups, width).permute(0, 2, 1, 3).reshape(count * groups, -1, width)
    mask = segments.mask if sliding_window is None else _within(segments, sliding_window)
    scores = torch.bmm(q * scale, k).view(count, groups, heads // groups, slots, -1) + mask[:, :, None]
    weights = torch.softmax(scores, dim=-1).view(count * groups, -1, k.shape[-1])
    out = torch.bmm(weights, v).view(count, groups, heads // groups, slots, width)
    out = out.permute(0, 3, 1, 2, 4).reshape(count * slots, heads * width).index_select(0, segments.place)
    return out.view(1, length, heads, width), None


def register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, attend)
