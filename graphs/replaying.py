"""The replay buffer in a night: what of it still holds, what tonight offers to it, and writing it at the end.

Promise: the file changes once a night, after the new version serves, or when what was forgotten has to leave
it; killed in between, the same night writes the same. What a buffer is stands in `sleep/buffer.py`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..memory.adapters import BARE_BASE, Manifest
from ..memory.durable import storage_faults
from ..memory.journal import Turn
from ..memory.records import Memory
from ..sleep import replay
from ..sleep.buffer import Buffer, Row, Top, offered, only, read_buffer, trusting, write_buffer
from ..sleep.fingerprint import Fingerprint, active
from ..sleep.packing import Example
from ..sleep.replay import TrainingSet
from ..sleep.secret import secret_spans
from ..sleep.spans import places
from ..sleep.taint import own_words
from .evidence import unpack
from .night import NightState, Stage
from .rebuild import lineage

BUFFER, TOPS, KEPT = "buffer.jsonl", "kept_top.jsonl", "kept.jsonl"
_LONGEST_TRACE_TOKENS = 96


def still_held(stage: Stage, start: Manifest | None, new: Sequence[Memory], old: Sequence[Memory]) -> Buffer:
    """What of the home's buffer the night may replay, with the distributions it may trust."""
    context = stage.context
    found = read_buffer(context.home.replay_path, context.base.sha256)
    known = {memory.id: memory for memory in old}
    pairs = [(memory.subject, memory.attribute) for memory in (*new, *old)]
    gone = [memory.value for memory in context.journal.memories("superseded")]
    forgotten = active(context.journal.tombstones())

    def holds(row: Row) -> bool:
        serves = row.kind == "told"  # a memory that stays, whatever words it shares with what was forgotten
        return replay.holds(row, known, pairs, gone) and (serves or not _tells(row, forgotten))

    held = only(found, holds)
    return trusting(held, lineage(context.registry, start) | {BARE_BASE})


def after_tonight(stage: Stage, state: NightState, held: Buffer, chosen: TrainingSet) -> Buffer:
    """The buffer as it will be if tonight is published; rows without distributions get tonight's."""
    context = stage.context
    stream = [
        *replay.to_be_kept(chosen, context.settings.replay, context.seed),
        *verified_traces(stage, state),
    ]
    rng = random.Random(f"{context.seed} buffer")
    return offered(held, stream, context.settings.replay.buffer_size, rng)


def to_be_stored(stage: Stage, buffer: Buffer) -> list[Example]:
    """The rows whose distributions the trained model is to say, in the buffer's order."""
    lacking = [row for row in buffer.rows if not row.top]
    return replay.as_examples(lacking, stage.context.engine, stage.context.persona)


def write_plan(stage: Stage, buffer: Buffer, job_folder: Path) -> None:
    """Leaves the buffer that is to be beside the job, for `keep` to complete."""
    write_buffer(buffer, stage.context.base.sha256, job_folder / BUFFER)


def keep(stage: Stage, state: NightState) -> None:
    """Completes the plan with what the trained model said, and puts it in the home's buffer's place."""
    context, folder = stage.context, stage.folder(state) / "job"
    if not (folder / BUFFER).exists():  # it was done before a kill, or the night is an earlier version's
        return
    plan = read_buffer(folder / BUFFER, context.base.sha256)
    said = zip(_lines(folder / KEPT), _lines(folder / TOPS), strict=True)
    stored = iter([(tuple(asked["ids"][asked["answer_start"] :]), _top(top)) for asked, top in said])
    rows = []
    for row in plan.rows:
        if not row.top:
            ids, top = next(stored)
            row = replace(row, ids=ids, top=top, adapter=state["adapter"])
        rows.append(row)
    with storage_faults(context.home.path):
        write_buffer(replace(plan, rows=tuple(rows)), context.base.sha256, context.home.replay_path)


def drop_untrusted(stage: Stage) -> None:
    """Takes out of the file the distributions of versions that are not behind the one served."""
    context = stage.context
    if not context.home.replay_path.exists():
        return
    trusted = lineage(context.registry, context.registry.head()) | {BARE_BASE}
    found = read_buffer(context.home.replay_path, context.base.sha256)
    with storage_faults(context.home.path):
        write_buffer(trusting(found, trusted), context.base.sha256, context.home.replay_path)


def verified_traces(stage: Stage, state: NightState) -> list[Row]:
    """Answers of the day that a verifier passed and none failed, with the distributions they came from.

    Only those to the first words of a session, made without tools, that hold no memory's value, nothing that
    was forgotten and no secret: a replayed answer is asked for with nothing else in the context.
    """
    journal = stage.context.journal
    values = [memory.value for memory in journal.memories()]
    forgotten = active(journal.tombstones())
    rows = []
    for heard in state["turns"]:
        session = journal.turns(heard["session_id"])
        said = [turn for turn in session if turn.reply_to == heard["id"]]
        if not session or session[0].id != heard["id"] or any(turn.role == "tool" for turn in said):
            continue
        rows += [
            row
            for turn in said
            if turn.role == "assistant" and turn.state == "complete" and _passed(stage, turn.id)
            if (row := _trace(heard["content"], turn)) is not None
            if not any(places(value, text) for value in values for text in (row.question, row.answer))
            if not _tells(row, forgotten)
        ]
    return rows


def _tells(row: Row, forgotten: Sequence[Fingerprint]) -> bool:
    """Whether words that the owner had forgotten stand in a row that serves no memory."""
    return any(print_.holds(text) for print_ in forgotten for text in (row.question, row.answer))


def _passed(stage: Stage, turn_id: int) -> bool:
    judged = stage.context.journal.judgements(turn_id)
    outcomes = {judgement.outcome for judgement in judged if judgement.call_id is None}
    return "passed" in outcomes and "failed" not in outcomes


def _trace(asked: str, turn: Turn) -> Row | None:
    """The answer as a row; None when it is not one to be learnt."""
    if (
        turn.evidence is None
        or own_words(asked) != asked
        or secret_spans(asked)
        or secret_spans(turn.content)
    ):
        return None
    try:
        tokens = unpack(turn.evidence)
    except ValueError:
        return None
    if not tokens or len(tokens) > _LONGEST_TRACE_TOKENS or not all(token.top for token in tokens):
        return None
    return Row(
        asked,
        turn.content,
        "trace",
        turn=turn.id,
        adapter=turn.adapter or BARE_BASE,
        ids=tuple(token.id for token in tokens),
        top=tuple(tuple((id, round(p, 4)) for id, p in token.top) for token in tokens),
    )


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _top(line: list[list[list[float]]]) -> Top:
    return tuple(tuple((int(id), float(p)) for id, p in place) for place in line)
