"""What the episodic store takes in and hands back, as frozen records. Knows nothing of how it is stored."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from ..errors import BadInput

_MOST_CHARS = 200

By = Literal["words", "meaning", "both", "nearby"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose memories: one user's with one agent. Nothing that is kept under one scope is read under
    another.
    """

    user: str = "owner"
    agent: str = "dormouse"

    def __post_init__(self) -> None:
        for name, value in (("user", self.user), ("agent", self.agent)):
            if not value or len(value) > _MOST_CHARS or not value.isprintable():
                raise BadInput(
                    f"A scope's {name} must be 1 to {_MOST_CHARS} printable characters, and it is "
                    f"{value[:40]!r}."
                )

    @property
    def key(self) -> str:
        """32 hex digits: the name of the scope's folder, which no other user and agent share."""
        told = json.dumps([self.user, self.agent]).encode("utf-8", "surrogatepass")
        return hashlib.sha256(told).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Episode:
    """One thing said. `id` is its turn's in the journal; `at` an aware datetime."""

    id: int
    session: str
    speaker: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """An episode found: its fused `score` (higher is nearer) and what found it."""

    episode: Episode
    score: float
    by: By


@dataclass(frozen=True, slots=True)
class StoreState:
    """What a scope's index holds: episodes, how many still lack a vector, where vectors are, bytes on
    disk.
    """

    scope: Scope
    episodes: int
    pending: int
    in_index: int
    embedder: str
    bytes: int
    warnings: tuple[str, ...] = field(default=())
