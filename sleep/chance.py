"""Chance that can be repeated.

Promise: the same seed and the same words give the same draws, in any process. Knows nothing of what is drawn.
"""

from __future__ import annotations

import hashlib
import random


def rng_for(seed: int, *parts: str) -> random.Random:
    """A generator that depends on what it is for, so that one memory more does not reshuffle all others."""
    return random.Random(
        hashlib.sha256("\0".join((str(seed), *parts)).encode("utf-8", "surrogatepass")).digest()
    )
