"""What the bare base does by itself: measured once for a base, a persona and how it is served, and kept.

Promise: it depends on nothing that anybody said; what is missing or damaged is measured again. It is kept
where all that is derived from the base is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from ..memory.durable import write_atomic
from ..memory.engine import Mount
from ..sleep import drift, exam
from . import tool_exam
from .night import NightContext


def skills(context: NightContext, count: int) -> list[exam.Answered]:
    """The first `count` general questions that the base answers rightly, each with its answer."""
    items = {item.id: item for item in exam.general_skills()}

    def measure() -> list[tuple[str, str]]:
        found = exam.skills_of_base(context.engine, context.persona, count)
        return [(item.id, item.of_base) for item in found]

    asked = [[item.question, *item.expect] for item in items.values()]
    kept = _once(context, "answers", [count, asked], measure)
    return [exam.answered(items[id], answer) for id, answer in kept if id in items]


def decisions(context: NightContext) -> list[str]:
    """What the base decides on the exam's requests for a tool."""
    return list(
        _once(
            context,
            "tools",
            tool_exam.asked(context.persona),
            lambda: tool_exam.decided(context.engine, context.persona),
        )
    )


def drift_of(context: NightContext, stack: Sequence[Mount]) -> dict[str, drift.Drift]:
    """How far `stack` has drifted from the base, for each kind of text."""
    texts = drift.passages()

    def measure(mounted: Sequence[Mount] = ()) -> list[drift.Nats]:
        return [drift.nats(context.engine, context.persona, text, mounted) for text in texts]

    scored = [[text.kind, text.question, text.text] for text in texts]
    bare = [drift.Nats(*row) for row in _once(context, "drift", scored, measure)]
    return drift.drift(texts, bare, measure(stack))


def _once(context: NightContext, name: str, of: object, measure: Callable[[], Any]) -> Any:
    """What `measure` finds, as JSON has it, of what `of` holds; read where it was found before."""
    served = [version("llama-cpp-python"), context.base.sha256, context.serve_as, context.persona]
    identity = sha256(json.dumps([*served, of]).encode()).hexdigest()
    path = context.base.folder(context.cache) / f"{name}-{identity[:16]}.json"
    with suppress(OSError, ValueError):
        return json.loads(path.read_bytes())
    written = json.dumps(measure())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, written.encode())
    return json.loads(written)
