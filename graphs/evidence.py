"""How an answer's tokens are kept beside it: ids and log-probabilities, in a few bytes each.

Promise: what `unpack` reads is what `pack` was given, up to half precision. Knows nothing of the journal,
which keeps these bytes without reading them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from ..memory.engine import Token

_VERSION = b"\x01"


def pack(tokens: Sequence[Token]) -> bytes:
    """The ids (4 bytes) and natural-log probabilities (2 bytes) of `tokens` and their alternatives."""
    width = min((len(token.top) for token in tokens), default=0)
    ids = np.array([[t.id, *(i for i, _ in t.top[:width])] for t in tokens], dtype="<u4")
    logprobs = np.array([[t.logprob, *(p for _, p in t.top[:width])] for t in tokens], dtype="<f2")
    header = np.array([len(tokens), width], dtype="<u4")
    return _VERSION + zlib.compress(header.tobytes() + ids.tobytes() + logprobs.tobytes())


def unpack(data: bytes) -> tuple[Token, ...]:
    """The tokens in `data`, without their texts. ValueError when `pack` did not write it."""
    if data[:1] != _VERSION:
        raise ValueError(f"evidence of version {data[:1]!r} is not known here")
    try:
        raw = zlib.decompress(data[1:])
        n, width = (int(x) for x in np.frombuffer(raw[:8], dtype="<u4"))
        cells = n * (width + 1)
        ids = np.frombuffer(raw[8 : 8 + 4 * cells], dtype="<u4").reshape(n, width + 1)
        logprobs = np.frombuffer(raw[8 + 4 * cells :], dtype="<f2").reshape(n, width + 1)
    except zlib.error as error:
        raise ValueError(f"evidence is damaged: {error}") from None
    rows = zip(ids.tolist(), logprobs.tolist(), strict=True)
    return tuple(Token(i[0], "", p[0], tuple(zip(i[1:], p[1:], strict=True))) for i, p in rows)
