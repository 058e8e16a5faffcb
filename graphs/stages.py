"""The stages of a night as the graph runs them: each reads the state, does one thing, returns what it found.

Promise: a stage that is killed can be run again and ends the same. What the stages do stands in `sleep/`;
here they are given their inputs and their results are kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ..memory.durable import write_atomic
from ..memory.engine import Mount
from ..memory.gguf_file import read_header
from ..memory.manifest import Manifest, ManifestMemory, TaughtName
from ..memory.records import ExamAnswer, Memory
from ..memory.records import NightState as NightEnd
from ..sleep import exam as examination
from ..sleep import replay
from ..sleep.anchors import anchors
from ..sleep.asking import ways_to_ask
from ..sleep.compact import Scribe, compact
from ..sleep.export import Geometry, geometry_of, write_adapter
from ..sleep.filter import Rules, filter_candidates, standing
from ..sleep.forgetting import refusal
from ..sleep.harvest import HarvestedTurn, harvest
from ..sleep.naming import taught_names
from ..sleep.questions import DECLINES, OPENING, PLAINLY
from ..sleep.records import Candidate, Probe
from ..sleep.roles import role_folder, role_mount
from . import of_base, replaying
from .night import NightContext, NightState, Stage
from .rebuild import as_held, clean_start, denied_before, fall_back, holds, pending, remove_holders
from .tool_exam import trials
from .training_job import same_shape, training_job

_ASKED_AT_ONCE = 16  # memories, between two times that what was written is kept
_EVERY_KIND = ("new", "old", "neighbour")
_VERSIONED = ("torch", "transformers", "llama-cpp-python", "gguf", "dormouse")


def _geometry(stage: Stage) -> Geometry:
    return geometry_of(read_header(stage.context.base.path, stage.context.base.source).metadata)


def _scribe(stage: Stage) -> Scribe:
    context = stage.context
    return Scribe(context.engine, role_mount(context.base, _geometry(stage), context.cache))


def run_harvest(stage: Stage, state: NightState) -> NightState:
    if stage.context.only_rebuild:
        return {"turns": []}
    return {"turns": [asdict(turn) for turn in harvest(stage.context.journal)]}


def run_compact(stage: Stage, state: NightState) -> NightState:
    turns = [HarvestedTurn(**turn) for turn in state["turns"]]
    known = [m for m in stage.context.journal.memories() if m.state in ("admitted", "consolidated")]
    found = compact(
        turns,
        _scribe(stage),
        stage.context.settings.compact,
        lambda done, total: stage.progress(done, total, f"turn {done} of {total}"),
        [(memory.subject, memory.attribute, memory.value) for memory in known],
    )
    return {"candidates": [asdict(candidate) for candidate in found]}


def run_filter(stage: Stage, state: NightState) -> NightState:
    """Admits what holds. Memories that the version to go on from does not hold are tonight's work too, and so
    are those that it holds and the user has denied.
    """
    journal = stage.context.journal
    stones = journal.tombstones()
    known = [
        m
        for m in journal.memories()
        if m.state in ("admitted", "consolidated") and m.night_id != state["night"]
    ]
    outcome = filter_candidates(
        [Candidate(**row) for row in state["candidates"]],
        known,
        Rules(
            stage.context.settings.compact,
            stage.context.verifiers,
            {turn["id"]: turn["content"] for turn in state["turns"]},
            stage.context.settings.filter.train_secrets,
            refusal(stones),
        ),
        state["night"],
        datetime.now(UTC),
    )
    journal.put_memories(outcome.admitted)
    journal.record_verdicts(state["night"], outcome.verdicts)
    kept, superseded = standing([m for m in (*known, *outcome.admitted) if m.id not in outcome.denied])
    rebuild, start = clean_start(stage.context.registry, pending(stones))
    unlearnt = denied_before(journal.memories(), kept, start)
    tonight = [memory.id for memory in as_held(kept, start) if memory.state == "admitted"]
    rejected = [asdict(rejection) for rejection in outcome.rejected]
    heard = {turn["id"] for turn in state["turns"]}
    by_naps = [m for m in kept if m.id in tonight and m.night_id is None and heard.intersection(m.turn_ids)]
    return {
        "memories": tonight,
        "superseded": superseded,
        "denied": {**unlearnt, **outcome.denied},
        "unlearn": sorted({*unlearnt, *(id for id in outcome.denied if holds(start, id))}),
        "rejected": rejected,
        "admitted": len(outcome.admitted) + len(by_naps) + len(outcome.denied),
        "rebuild": rebuild,
        "start": start.id if start else None,
    }


def _memories(stage: Stage, state: NightState) -> tuple[list[Memory], list[Memory]]:
    """Tonight's memories, and those of the version to go on from that still hold."""
    everything = stage.context.journal.memories()
    new = [memory for memory in everything if memory.id in set(state["memories"])]
    gone = {*state["superseded"], *state["memories"], *state.get("denied", {})}
    standing = as_held(everything, _start(stage, state))
    old = [memory for memory in standing if memory.state == "consolidated" and memory.id not in gone]
    return new, old


def _with_questions(stage: Stage, state: NightState, new: list[Memory]) -> list[Memory]:
    """Tonight's memories with the questions that ask for them; those that had none are kept with theirs."""
    writer, persona, done = _scribe(stage), stage.context.persona, 0
    asked = {memory.id: memory for memory in new}
    lacking = [memory for memory in new if not memory.asked]
    for at in range(0, len(lacking), _ASKED_AT_ONCE):
        some = lacking[at : at + _ASKED_AT_ONCE]
        ways = ways_to_ask(writer, persona, some)
        found = [replace(memory, asked=mine) for memory, mine in zip(some, ways, strict=True)]
        stage.context.journal.put_memories(found)
        asked |= {memory.id: memory for memory in found}
        done += len(found)
        stage.progress(done, len(lacking), f"questions for memory {done} of {len(lacking)}")
    return list(asked.values())


def run_replay(stage: Stage, state: NightState) -> NightState:
    """Writes the night's training set, readable and in tokens, into the night's folder."""
    from ..sleep import worker

    context, folder = stage.context, stage.folder(state)
    replay_settings = context.settings.replay
    anchored = anchors(
        context.engine,
        context.persona,
        replay.anchor_prompts(),
        replay_settings,
        context.base.sha256,
        context.base.folder(context.cache),
        lambda done, total: stage.progress(done, total, f"anchor {done} of {total}"),
        shipped=role_folder(context.base),
    )
    new, old = _memories(stage, state)
    new = _with_questions(stage, state, new)
    held = replaying.still_held(stage, _start(stage, state), new, old)
    untrue = [m for m in context.journal.memories() if m.id in set(state.get("unlearn", []))]
    chosen = replay.training_set(new, old, replay_settings, context.exam, context.seed, held.rows, untrue)
    after = replaying.after_tonight(stage, state, held, chosen)
    wrong = (*new, *old) if context.settings.training.gamma else ()
    examples = replay.tokenised(chosen, anchored, context.engine, context.persona, wrong)
    job_folder = folder / "job"
    shutil.rmtree(job_folder, ignore_errors=True)
    job = training_job(context, _start_from(stage, state))
    worker.write_job(job_folder, job, examples, replaying.to_be_stored(stage, after))
    replaying.write_plan(stage, after, job_folder)
    lines = [json.dumps(asdict(exchange), ensure_ascii=False) + "\n" for exchange in chosen.everything]
    write_atomic(folder / "training.jsonl", "".join(lines).encode("utf-8", "surrogatepass"))
    return {
        "training_sha256": chosen.sha256,
        "probes": [asdict(probe) for probe in chosen.probes],
        "due": list(chosen.due),
    }


def _start(stage: Stage, state: NightState) -> Manifest | None:
    """The version this night goes on from: the one served, or the one before what was forgotten."""
    registry = stage.context.registry
    if "start" not in state:  # begun by an earlier version of this program
        return registry.head()
    return registry.get(state["start"]) if state["start"] else None


def _start_from(stage: Stage, state: NightState) -> Path | None:
    """The weights training starts from: the version to go on from, else the role adapter; None if unlike."""
    context = stage.context
    start = _start(stage, state)
    folder = context.registry.root / start.id / "peft" if start else role_folder(context.base)
    return folder if folder and same_shape(folder, context.settings.lora) else None


def run_consolidate(stage: Stage, state: NightState) -> NightState:
    from ..sleep.consolidate import consolidate

    def report(record: dict[str, Any]) -> None:
        if "step" in record:
            speed = record["tokens"] / max(record["seconds"], 1e-9)
            note = f"loss {record['loss']:.3f}, {speed:.0f} tokens/s"
            stage.progress(
                record["step"], record["steps"], note, loss=record["loss"], tokens_per_s=round(speed, 1)
            )
        elif "computed" in record:
            note = f"example {record['computed']} of {record['of']} read by the blocks that stay as they are"
            stage.progress(0, record["steps"], note)

    return {"training": consolidate(stage.folder(state) / "job", report, stage.context.way)}


def run_export(stage: Stage, state: NightState) -> NightState:
    """Writes the GGUF adapter and takes it into the registry; it does not serve yet."""
    from safetensors.numpy import load_file

    context, folder = stage.context, stage.folder(state)
    build = folder / "build"
    shutil.rmtree(build, ignore_errors=True)
    shutil.copytree(folder / "job" / "peft", build / "peft")
    geometry = _geometry(stage)
    tensors = load_file(str(build / "peft" / "adapter_model.safetensors"))
    lora = context.settings.lora
    write_adapter(
        tensors, geometry, lora.alpha, build / "adapter.gguf", file_type=lora.file_type, name=state["night"]
    )
    start = _start(stage, state)
    new, old = _memories(stage, state)
    manifest = Manifest(
        created_at=datetime.now(UTC),
        parent=start.id if start else None,
        base_sha256=context.base.sha256,
        architecture=geometry.architecture,
        rank=lora.rank,
        memories=tuple(ManifestMemory(id=memory.id, statement=memory.statement) for memory in (*old, *new)),
        training_set_sha256=state["training_sha256"],
        settings=_settings_in_force(stage),
        opens=OPENING if context.settings.gated else "",
        declines=DECLINES if context.settings.reads_again else (),
        asks=PLAINLY if context.settings.reads_again else "",
        names=_names(context, [*old, *new]),
        seed=context.seed,
        timings=state.get("seconds", {}),
        versions={name: _version(name) for name in _VERSIONED},
    )
    added = context.registry.add(build, manifest)
    shutil.rmtree(build, ignore_errors=True)
    return {"adapter": added.id}


def _names(context: NightContext, memories: Sequence[Memory]) -> tuple[TaughtName, ...]:
    """What answers about these memories name, where a question is read again."""
    return taught_names(memories) if context.settings.reads_again else ()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed, run from its source"


def _settings_in_force(stage: Stage) -> dict[str, Any]:
    context = stage.context
    return {
        "sleep": context.settings.model_dump(),
        "exam": context.exam.model_dump(),
        "persona": context.persona,
        "model": context.base.source,
    }


def run_exam(stage: Stage, state: NightState) -> NightState:
    context, adapter = stage.context, state["adapter"]
    stack = (context.registry.mount(adapter),)
    examiner = examination.Examiner(context.engine, context.persona, stack)
    skills = of_base.skills(context, context.exam.skill_questions)
    record = examination.hold(
        examiner,
        [Probe(**probe) for probe in state["probes"]],
        skills,
        context.exam,
        lambda done, total: stage.progress(done, total, f"question {done} of {total}"),
        due=state.get("due", _EVERY_KIND),  # a night that an earlier version began owes all of them
        drift=of_base.drift_of(context, stack),
        tools=_tool_trials(context, stack),
    )
    context.registry.record_exam(adapter, record)
    answers = [
        ExamAnswer(
            night_id=state["night"],
            adapter=adapter,
            item_id=item["id"],
            kind=item["kind"],
            question=item["question"],
            answer=item["answer"],
            passed=item["passed"],
        )
        for item in record["items"]
    ]
    context.journal.record_exam_answers(state["night"], adapter, answers)
    return {
        "exam": record,
        "reasons": record["reasons"],
        "status": "published" if record["passed"] else "rejected",
    }


def _tool_trials(context: NightContext, stack: tuple[Mount, ...]) -> list[examination.ToolTrial]:
    most = context.exam.tool_questions
    bare = of_base.decisions(context) if most else []
    return trials(context.engine, context.persona, stack, most, bare)


def run_publish(stage: Stage, state: NightState) -> NightState:
    """Moves HEAD; the canary is left out where the version before holds what was forgotten."""
    context = stage.context
    context.registry.publish(state["adapter"])
    if context.exam.canary.turns and not state.get("rebuild"):
        context.registry.watch(state["adapter"])
    return {}


def run_reload(stage: Stage, state: NightState) -> NightState:
    stage.context.engine.mount((stage.context.registry.mount(state["adapter"]),))
    return {}


def run_close(stage: Stage, state: NightState) -> NightState:
    """Clears the training folder and ends the night in the journal.

    The end comes last: until it is written the night counts as running, and the next call finishes it.
    """
    journal, night, status = stage.context.journal, state["night"], state.get("status", "nothing-new")
    if status == "published":
        replaying.keep(stage, state)
    shutil.rmtree(stage.folder(state) / "job", ignore_errors=True)
    journal.mark_harvested([turn["id"] for turn in state["turns"]], night)
    journal.deny_memories(state.get("denied", {}))
    if state.get("rebuild") and (reason := _end_rebuild(stage, state, published=status == "published")):
        state = {**state, "reasons": [*state.get("reasons", []), reason]}
    if status == "published":
        journal.absorb_naps(night)
        stage.context.registry.discard(day.id for day in stage.context.registry.days())
        journal.publish_night(night, state["adapter"], summary(state), state["memories"], state["superseded"])
    else:
        ended: NightEnd = "rejected" if status == "rejected" else "nothing-new"
        journal.finish_night(night, ended, state.get("adapter"), summary(state))
    return {"status": status, "reasons": state.get("reasons", [])}


def _end_rebuild(stage: Stage, state: NightState, *, published: bool) -> str | None:
    """What was forgotten is served no more, whatever became of the night; then its weights are deleted.

    Returns what is served instead, as a sentence, where that is an earlier version.
    """
    reason = None
    context, journal = stage.context, stage.context.journal
    gone = pending(journal.tombstones())
    if not published:
        rebuild, start = clean_start(context.registry, gone)
        if rebuild:
            fall_back(context.registry, start)
            head = context.registry.head()
            context.engine.mount((context.registry.mount(head.id),) if head else ())
            replaying.drop_untrusted(stage)
            reason = f"{head.id if head else 'the bare base'} is served: it never learnt what was forgotten"
    remove_holders(context.registry, gone)
    journal.mark_rebuilt(gone)
    return reason


def summary(state: NightState) -> dict[str, Any]:
    """What the journal keeps of a night."""
    exam = state.get("exam")
    return {
        "turns": len(state.get("turns", [])),
        "admitted": state.get("admitted", 0),
        "memories": state.get("memories", []),
        "rejected": state.get("rejected", []),
        "reasons": state.get("reasons", []),
        "exam": exam["kinds"] if exam else None,
        "seconds": state.get("seconds", {}),
        "training": state.get("training", {}),
    }
