"""Receipts of forgetting: what was done, what was asked afterwards, and hashes; never what was forgotten.

Promise: a receipt is written whole, in `receipts/` in the home, and can be read by any JSON reader. Knows
nothing of how forgetting is done.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ..memory.durable import storage_faults, write_atomic
from ..memory.home import Home
from .erasure import RECEIPTS

RECEIPT_FORMAT = 1
State = Literal["erasing", "weights pending", "forgotten", "unverified", "still there"]


@dataclass(frozen=True, slots=True)
class Probe:
    """One question asked afterwards; `holds` says whether the answer held what was forgotten.

    `by_chance` says that a version which never learnt it gives it too. An answer that holds it is masked.
    """

    memory: str
    question: str
    tiers: str = ""
    answer: str | None = None
    holds: bool = False
    by_chance: bool = False


@dataclass(frozen=True)
class Receipt:
    """One forgetting. `forgotten` are the tombstones' ids (memories, or words) with a salted hash each.

    `files_mentioning` are files where a word of it stands, said of other matters or by a memory that stays.

    `state`: "erasing" until the text is gone everywhere, then "weights pending" until a night has made the
    weights anew; "still there" when a probe or the search of the files found it afterwards, "unverified" when
    nothing did and yet not all of it was looked for. `unprobed` are the memories that no question could ask
    for without saying them, `backups` what became of each backup on record. `once` is the idempotency key it
    was asked for under.
    """

    id: str
    at: datetime
    state: State
    forgotten: Sequence[Mapping[str, str]]
    removed: Mapping[str, int]
    adapters_removed: Sequence[str]
    adapter_before: str | None
    adapter_after: str | None = None
    started_from: str | None = None
    probes: Sequence[Probe] = field(default=())
    files_searched: int = 0
    files_holding: Sequence[str] = field(default=())
    files_mentioning: Sequence[str] = field(default=())
    unprobed: Sequence[str] = field(default=())
    backups: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    format: int = RECEIPT_FORMAT
    once: str = ""

    @property
    def done(self) -> bool:
        return self.state == "forgotten"


def drop_receipt(home: Home, receipt: Receipt) -> None:
    """Remove one that nothing came of."""
    with storage_faults(home.path):
        (home.path / RECEIPTS / f"{receipt.id}.json").unlink(missing_ok=True)


def receipt_name(at: datetime) -> str:
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def write_receipt(home: Home, receipt: Receipt) -> Path:
    """Writes or replaces it; returns the file."""
    folder = home.path / RECEIPTS
    path = folder / f"{receipt.id}.json"
    row = {**asdict(receipt), "at": receipt.at.isoformat()}
    with storage_faults(home.path):
        folder.mkdir(mode=0o700, exist_ok=True)
        write_atomic(path, (json.dumps(row, indent=2, ensure_ascii=False) + "\n").encode())
    return path


def read_receipts(home: Home) -> list[Receipt]:
    """All of them, the oldest first; one that is not readable is left out."""
    found = []
    for path in sorted((home.path / RECEIPTS).glob("*.json")):
        try:
            found.append(_receipt(json.loads(path.read_text())))
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return found


def _receipt(row: dict[str, Any]) -> Receipt:
    at = datetime.fromisoformat(row.pop("at")).astimezone(UTC)
    probes = [Probe(**probe) for probe in row.pop("probes")]
    return replace(Receipt(at=at, probes=(), **row), probes=probes)
