"""Anchors: general prompts with the answer distribution that the bare base gave them.

Promise: made by the wake engine from the base alone, once for a base, a persona and these settings, and kept;
replay holds the adapter near them. Knows nothing of memories or training.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from ..memory.durable import write_atomic
from ..memory.engine import Message, Sampling, WakeEngine
from .packing import Example
from .settings import ReplaySettings

KIND = "anchor"
_AT_ONCE = 32  # prompts between two reports of progress


def _made(
    engine: WakeEngine, persona: str, prompts: Sequence[str], settings: ReplaySettings
) -> list[Example]:
    """The prompts as examples, answered side by side; one that the base answers with nothing is left out."""
    asked = [[Message("system", persona), Message("user", prompt)] for prompt in prompts]
    sampling = Sampling(max_tokens=settings.anchor_tokens, top_logprobs=settings.anchor_top_k)
    answered = engine.complete_all([(messages, sampling) for messages in asked], adapters=())
    made = []
    for messages, completion in zip(asked, answered, strict=True):
        if completion.tokens:
            ids = engine.render_tokens(messages)
            said = tuple(token.id for token in completion.tokens)
            top = tuple(tuple((i, round(p, 4)) for i, p in token.top) for token in completion.tokens)
            made.append(Example(ids=(*ids, *said), answer_start=len(ids), kind=KIND, top=top))
    return made


def anchors(
    engine: WakeEngine,
    persona: str,
    prompts: Sequence[str],
    settings: ReplaySettings,
    base_sha256: str,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    shipped: Path | None = None,
) -> list[Example]:
    """The first `settings.anchors` of `prompts` as examples; read where they were made before.

    They are kept in `folder`; those of the role adapter's own persona come with it, in `shipped`.
    """
    wanted = list(prompts[: settings.anchors])
    identity = json.dumps([2, base_sha256, persona, wanted, settings.anchor_tokens, settings.anchor_top_k])
    name = f"anchors-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.jsonl"
    path = folder / name
    for made_before in (path, *([shipped / name] if shipped else [])):
        if made_before.exists():
            return [_read(line) for line in made_before.read_text().splitlines()]
    made: list[Example] = []
    for start in range(0, len(wanted), _AT_ONCE):
        made += _made(engine, persona, wanted[start : start + _AT_ONCE], settings)
        progress(min(start + _AT_ONCE, len(wanted)), len(wanted))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(path, "".join(_written(example) + "\n" for example in made).encode())
    return made


def _written(example: Example) -> str:
    return json.dumps({"ids": example.ids, "answer_start": example.answer_start, "top": example.top})


def _read(line: str) -> Example:
    row = json.loads(line)
    top = tuple(tuple((int(i), float(p)) for i, p in place) for place in row["top"])
    return Example(tuple(row["ids"]), row["answer_start"], KIND, top=top)
