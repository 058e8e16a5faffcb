"""What every route works with: the house of one server."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from ..scopes import Scopes
from ..spec import Spec
from .fair_queue import FairQueue
from .metrics import Metrics
from .nights import Sleepers
from .settings import ServeSettings
from .turns import Turns


@dataclass(frozen=True)
class House:
    """One server: its scopes, its turns, its nights, and the queue for its embedder. `began` is seconds since
    1970.
    """

    spec: Spec
    settings: ServeSettings
    scopes: Scopes
    turns: Turns
    sleepers: Sleepers
    metrics: Metrics
    embedding: FairQueue
    began: int

    @property
    def name(self) -> str:
        """The model's name, for clients."""
        return self.spec.name


def house_of(request: Request) -> House:
    """The house a request came to."""
    house: House = request.app.state.house
    return house
