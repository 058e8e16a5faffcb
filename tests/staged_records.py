"""What the staged agent of the screens' tests has been told, has learnt and has slept: one small life."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dormouse.memory.records import MemoryState, Verdict
from dormouse.runtime.nights import NightView
from dormouse.runtime.receipts import Receipt
from dormouse.runtime.records import (
    AdapterView,
    CallView,
    CanaryView,
    MemoryView,
    SessionView,
    Status,
    TurnView,
    VerdictView,
)
from dormouse.runtime.why import Explanation, Origin, SourceTurn
from dormouse.sleep.records import NightReport, Progress

NOW = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
"""What time it is on the stage."""


def later(minutes: float) -> datetime:
    """So many minutes ago, and a few seconds, so that "5 min ago" does not tip over."""
    return NOW - timedelta(minutes=minutes, seconds=5)


PRIMES = """Here is a sieve. It strikes out the multiples of each prime it meets:

```python
def primes(limit: int) -> list[int]:
    sieve = [True] * (limit + 1)
    for n in range(2, math.isqrt(limit) + 1):
        if sieve[n]:
            sieve[n * n :: n] = [False] * len(sieve[n * n :: n])
    return [n for n in range(2, limit + 1) if sieve[n]]
```

- It needs **one byte** a number.
- `primes(30)` gives ten of them.
"""
ANSWERS = {
    "What is my dog called?": "Your dog is called **Biscotti**. She has learnt to open the fridge.",
    "Write me a prime sieve.": PRIMES,
    "How much is (19 - 7) * 3?": "That is **36**.",
}
MODEL = "54a22f5e03c6a2e9"


def _turn(
    id: int, session: str, role: str, text: str, minutes: float, night: str | None, **more: object
) -> TurnView:
    adapter = MODEL if role == "assistant" else None
    tokens = len(text.split()) if role == "assistant" else 0
    return TurnView(id, session, role, text, later(minutes), "complete", adapter, tokens, night, **more)  # type: ignore[arg-type]


_CALL = CallView(
    "calculator",
    {"expression": "365 * 24"},
    "8760",
    True,
    3,
    "done",
    (VerdictView("arithmetic", "passed", "365 * 24 = 8760"),),
)
TURNS = {
    "s1": [
        _turn(1, "s1", "user", "Biscotti, our old dog, has learnt to open the fridge.", 1500, "n0002"),
        _turn(2, "s1", "assistant", "A clever dog! Does she take the cheese first?", 1499, None),
        _turn(3, "s1", "user", "She does. Annika, my sister, laughed until she cried.", 1498, "n0002"),
        _turn(4, "s1", "assistant", "I can picture it.", 1497, None),
    ],
    "s2": [
        _turn(5, "s2", "user", "How many hours does a year have?", 200, None),
        _turn(6, "s2", "tool", "8760", 200, None, calls=(_CALL,)),
        _turn(7, "s2", "assistant", "A common year has **8,760** hours.", 199, None),
    ],
    "s3": [
        _turn(8, "s3", "user", "I start at the piano workshop in Stromness on Monday.", 65, None),
        _turn(9, "s3", "assistant", "Good luck on Monday! What will you tune first?", 64, None),
    ],
}
SESSIONS = [
    SessionView("s3", "The piano workshop", later(65), later(64), 2),
    SessionView("s2", "How many hours does a year have?", later(200), later(199), 2),
    SessionView("s1", "Biscotti and the fridge", later(1500), later(1497), 4),
]


def _memory(
    id: str, owner: str, what: str, value: str, state: MemoryState, turn: int, reason: str = ""
) -> MemoryView:
    whose = "The user's" if owner == "user" else f"The user's {owner}'s"
    words = next((t.content for turns in TURNS.values() for t in turns if t.id == turn), value)
    return MemoryView(
        id=id,
        statement=f"{whose} {what} is {value}.",
        subject=owner,
        attribute=what,
        value=value,
        quote=words,
        turns=(turn,),
        words={turn: words},
        state=state,
        reason=reason,
        night=None if state == "admitted" else "n0002",
        superseded_by="3f0c9a2b41" if state == "superseded" else None,
        created_at=later(1400),
    )


MEMORIES = [
    _memory("3f0c9a2b41", "user", "dog's name", "Biscotti", "consolidated", 1),
    _memory("71d2aa90c4", "user", "sister's name", "Annika", "consolidated", 3),
    _memory("a09b12fe77", "sister", "job", "vet", "consolidated", 3),
    _memory("5ce80f3321", "user", "job", "piano tuner", "admitted", 8),
    _memory("c41f90ab02", "user", "home city", "Stromness", "admitted", 8),
    _memory("0b8e77d1f5", "user", "dog's name", "Biscuit", "superseded", 1, "you corrected it"),
    _memory("e92a6630d8", "user", "favourite food", "cheese", "rejected", 3, "said of the dog"),
]


def _exam(new: int, old: int, unknown: int, skill: int) -> dict[str, dict[str, int]]:
    return {
        "new": {"n": 12, "passed": new},
        "old": {"n": 12, "passed": old},
        "unknown": {"n": 20, "passed": unknown},
        "skill": {"n": 20, "passed": skill},
    }


def _night(number: int, days: float, state: str, exam: dict[str, dict[str, int]] | None) -> NightView:
    verdicts = [
        Verdict(
            "supported",
            "The user's dog's name is Biscotti.",
            "supported by 'Biscotti, our old dog'",
            1,
            "Biscotti",
        ),
        Verdict("duplicate", "The user's sister's name is Annika.", "known since night n0001", 3, "Annika"),
        Verdict("tainted", "The user's city is Paris.", "a pasted document says so", 3, "Paris"),
        Verdict("secret", "The user's password is ****.", "a password", 3, "****"),
        Verdict(
            "unverified", "The user's favourite food is cheese.", "the words are about the dog", 3, "cheese"
        ),
    ]
    seconds = {
        "harvest": 0.1,
        "compact": 4.2,
        "filter": 0.2,
        "replay": 63.3,
        "consolidate": 155.8,
        "exam": 21.9,
    }
    return NightView(
        id=f"n{number:04d}",
        state=state,
        started_at=later(days * 1440),
        ended_at=later(days * 1440 - 4),
        adapter=MODEL if state == "published" else None,
        turns=19,
        rulings={"supported": 1, "duplicate": 1, "tainted": 1, "secret": 1, "unverified": 1},
        verdicts=verdicts,
        reasons=[] if state != "rejected" else ["new: 5 of 12 right, fewer than 60%"],
        exam=exam,
        seconds=seconds,
    )


NIGHTS = [
    _night(1, 6, "published", {k: v for k, v in _exam(11, 0, 18, 17).items() if k != "old"}),
    _night(2, 5, "published", _exam(10, 11, 19, 16)),
    _night(3, 4, "rejected", _exam(5, 9, 12, 15)),
    _night(4, 3, "published", _exam(12, 10, 18, 17)),
    _night(5, 2, "nothing-new", None),
    _night(6, 1, "published", _exam(11, 12, 19, 18)),
]
TONIGHT = replace(_night(7, 0, "running", None), ended_at=None, turns=2, rulings={}, verdicts=[], seconds={})
"""The night that the agent sleeps when it is asked to, as it stands at its beginning."""
VERDICTS_TONIGHT = [
    Verdict("supported", MEMORIES[3].statement, "supported by 'the piano workshop'", 8, "the piano workshop"),
    Verdict("supported", MEMORIES[4].statement, "supported by 'in Stromness'", 8, "in Stromness"),
]
RULED = {"supported": 2}
ADAPTER = AdapterView(
    {"id": MODEL, "memories": [{"id": m.id} for m in MEMORIES[:3]], "created_at": later(1440).isoformat()},
    {"passed": True, "kinds": _exam(11, 12, 19, 18), "items": [], "reasons": []},
    True,
)
BASE_STATUS = Status(
    name="dormouse",
    home="home",
    base={"name": "SmolLM2 135M", "quantisation": "Q4_1"},
    adapter=MODEL,
    sessions=3,
    turns=9,
    to_sleep_on=2,
    memories={"consolidated": 3, "admitted": 2, "superseded": 1, "rejected": 1},
    nights={"published": 4, "rejected": 1, "nothing-new": 1},
    running_night=None,
    alarms=(),
    warnings=(),
    canary=CanaryView(MODEL, None, later(1440), 14, 20, {}, 20, {}),
)
WHY = Explanation(
    "",
    MODEL,
    [
        Origin(
            "3f0c9a2b41",
            MEMORIES[0].statement,
            "consolidated",
            "",
            "the text states its value",
            [SourceTurn(1, "s1", datetime(2026, 11, 20, 9, 12, tzinfo=UTC), TURNS["s1"][0].content)],
            "n0002",
            "supported by 'Biscotti, our old dog'",
            [MODEL],
            True,
        )
    ],
    [],
)


def receipt_of(ids: tuple[str, ...]) -> Receipt:
    return Receipt(
        id="20261120-091200-ab12",
        at=datetime(2026, 11, 20, 9, 12, tzinfo=UTC),
        state="weights pending",
        forgotten=[{"memory": id, "hash": "..."} for id in ids] or [{"memory": "words", "hash": "..."}],
        removed={"turns": 2, "memories": 1},
        adapters_removed=(),
        adapter_before=MODEL,
        files_searched=41,
    )


def night_records() -> Iterator[Progress]:
    """A night's progress, as the stages tell it."""
    for stage, total, note in (
        ("harvest", 1, ""),
        ("compact", 4, "turn"),
        ("filter", 1, ""),
        ("replay", 6, "anchor"),
    ):
        for done in range(total + 1):
            yield Progress(stage, done, total, f"{note} {done} of {total}" if note else "")
    steps = 60
    for step in range(1, steps + 1):
        loss = 0.35 + 2.6 * math.exp(-step / 14) + 0.06 * math.sin(step * 1.7)
        speed = 610 + 35 * math.sin(step / 3.0) - (180 if 30 <= step < 34 else 0)
        yield Progress("consolidate", step, steps, f"loss {loss:.3f}, {speed:.0f} tokens/s", loss, speed)
    for stage, total in (("export", 1), ("exam", 8), ("publish", 1), ("reload", 1), ("close", 1)):
        for done in range(total + 1):
            yield Progress(stage, done, total, f"question {done} of {total}" if stage == "exam" else "")


def night_slept() -> NightView:
    """Tonight, once it is over."""
    return replace(
        _night(7, 0, "published", _exam(12, 11, 19, 18)), turns=2, rulings=RULED, verdicts=VERDICTS_TONIGHT
    )


def night_report() -> NightReport:
    learnt = [{"statement": MEMORIES[3].statement}, {"statement": MEMORIES[4].statement}]
    return NightReport("published", "9be1c07d55aa0134", learnt, [], None, {}, 610.0, night=TONIGHT.id)
