"""What happens in a turn while it happens, as frozen records for whoever watches.

Promise: `as_json` of every event survives JSON. Knows nothing of who watches, or of how a turn is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class NodeBegan:
    """The graph came to a node."""

    node: str
    kind: Literal["node"] = "node"


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the answer; pieces are whole characters."""

    text: str
    kind: Literal["token"] = "token"


@dataclass(frozen=True, slots=True)
class CallBegan:
    """A tool is about to be called. `id` is the call's in the journal, None when nothing is journaled."""

    id: int | None
    name: str
    arguments: Mapping[str, Any]
    kind: Literal["call"] = "call"


@dataclass(frozen=True, slots=True)
class CallEnded:
    """What came of a call: `state` is done, failed or refused; `result` is what the model is told."""

    id: int | None
    name: str
    state: str
    result: str
    kind: Literal["result"] = "result"


@dataclass(frozen=True, slots=True)
class Asked:
    """The owner is asked whether a call may be made."""

    id: int | None
    name: str
    arguments: Mapping[str, Any]
    kind: Literal["approval"] = "approval"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verifier's verdict on the answer, or on the call `call_id`."""

    call_id: int | None
    verifier: str
    outcome: str
    evidence: str
    kind: Literal["verdict"] = "verdict"


WakeEvent = NodeBegan | Said | CallBegan | CallEnded | Asked | Judged
OnEvent = Callable[[WakeEvent], None]
Approve = Callable[[Asked], bool]
"""Asked from the turn's own thread; it may take as long as its owner does."""


def as_json(event: WakeEvent) -> dict[str, Any]:
    """An event as a JSON object, for a stream of them."""
    return asdict(event)
