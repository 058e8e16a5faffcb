"""A nap: what leaves a session's context is learnt into a day adapter, on top of what the last night made.

Promise: it reads, trains, examines and gives way as a night does; whatever ends it, the day adapter served
before stays served until the journal names the new one. It marks no turn as read, so the next night reads
them too. When to nap, and what is then shown, is decided elsewhere.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib import util
from pathlib import Path
from typing import Any

from ..memory.durable import discard_folder, storage_faults
from ..memory.engine import Mount
from ..memory.errors import AdapterError, DormouseError
from ..memory.manifest import Manifest, ManifestMemory, TaughtName
from ..memory.records import Memory, Nap, NapState
from ..sleep import exam as examination
from ..sleep import replay, worker
from ..sleep.anchors import anchors
from ..sleep.compact import compact
from ..sleep.consolidate import consolidate
from ..sleep.errors import NapImpossible, NightStopped
from ..sleep.export import write_adapter
from ..sleep.filter import Rules, filter_candidates, standing
from ..sleep.forgetting import refusal
from ..sleep.packing import Example
from ..sleep.questions import DECLINES, OPENING, PLAINLY
from ..sleep.roles import role_folder
from ..sleep.settings import NapTrainingSettings, TrainingSettings
from . import of_base, stages
from .beneath import mounts_beneath, weights_beneath
from .leaving import Leaving
from .night import NightContext, Stage
from .rebuild import as_held
from .training_job import same_shape, training_job

_FEW = 2  # passes
Step = Callable[[str], None]
Outcome = tuple[str | None, NapState, list[str]]
"""The day adapter, how the nap ended, and why."""


@dataclass
class _Work:
    """One nap while it runs. `context` is a night's, since its stages are; `found` is for the report."""

    context: NightContext
    leaving: Leaving
    passes: int
    folder: Path
    step: Step
    found: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def stage(self) -> Stage:
        return Stage(self.context, "nap", lambda progress: None)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """One step of the nap: announced, begun when the way is free, and timed."""
        self.context.way.wait()
        self.step(name)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


def _quiet(name: str) -> None:
    pass


def run_nap(context: NightContext, leaving: Leaving, passes: int, folder: Path, step: Step = _quiet) -> Nap:
    """Learns what leaves; returns the nap to be recorded. `folder` is its own to work in, and is removed.

    A nap that cannot be used says so in its state and its reasons. Raises NightStopped, and leaves nothing.
    """
    work, began = _Work(context, leaving, passes, folder, step), datetime.now(UTC)
    discard_folder(folder)
    try:
        with storage_faults(context.home.path):
            adapter, state, reasons = _napped(work)
    except NightStopped:
        raise
    except DormouseError as error:
        adapter, state, reasons = None, "failed", [str(error)]
    finally:
        discard_folder(folder)
    return Nap(
        session_id=leaving.session_id,
        state=state,
        upto=leaving.upto,
        passes=passes,
        started_at=began,
        ended_at=datetime.now(UTC),
        adapter=adapter,
        report={**work.found, "reasons": reasons, "seconds": work.seconds},
    )


def day_beneath(context: NightContext) -> tuple[Manifest | None, Manifest | None]:
    """(what HEAD serves, the day adapter served on top of it); None where there is none."""
    registry, id = context.registry, context.journal.day_adapter()
    try:
        day = registry.day(id) if id else None
    except AdapterError:
        day = None  # it is not served either, and what it held waits for the night
    return registry.head(), day


def _napped(work: _Work) -> Outcome:
    context = work.context
    if util.find_spec("torch") is None:
        raise NapImpossible("torch is not installed")
    head, day = day_beneath(context)
    new, old, others = _memories(work, head, day)
    work.found |= {"turns": len(work.leaving.turns), "memories": [memory.id for memory in new]}
    if not new:
        return None, "nothing-new", []
    with work.timed("replay"):
        training = _prepare(work, new, old, others, head, day)
    with work.timed("consolidate"):
        work.found["training"] = consolidate(work.folder / "job", way=context.way)
    with work.timed("export"):
        adapter = _export(work, new, training, head, day)
    with work.timed("exam"):
        passed, reasons = _examined(work, adapter, training, head)
    return adapter, "published" if passed else "rejected", reasons


def _memories(
    work: _Work, head: Manifest | None, day: Manifest | None
) -> tuple[list[Memory], list[Memory], list[Memory]]:
    """What is to be learnt now; what is to be kept, the day's and some of the nights'; what else holds."""
    context, settings = work.context, work.context.settings
    journal = context.journal
    known = [memory for memory in journal.memories() if memory.state in ("admitted", "consolidated")]
    told_before = [(memory.subject, memory.attribute, memory.value) for memory in known]
    with work.timed("compact"):
        scribe = stages._scribe(work.stage)
        found = compact(work.leaving.turns, scribe, settings.compact, told=told_before)
    words = {turn.id: turn.content for turn in work.leaving.turns}
    stones = refusal(journal.tombstones())
    rules = Rules(settings.compact, context.verifiers, words, settings.filter.train_secrets, stones)
    outcome = filter_candidates(found, known, rules, None, datetime.now(UTC))
    journal.put_memories(outcome.admitted)
    work.found["rejected"] = [asdict(rejection) for rejection in outcome.rejected]
    journal.deny_memories(outcome.denied)  # the weights of nights unlearn it in the next one
    kept, _ = standing([memory for memory in (*known, *outcome.admitted) if memory.id not in outcome.denied])
    due = {memory.id for memory in as_held(kept, head) if memory.state == "admitted"}
    taught = {memory.id for memory in day.memories} if day else set()
    told = {turn.id for turn in journal.turns(work.leaving.session_id) if turn.id <= work.leaving.upto}
    new = [m for m in kept if m.id in due - taught and told.intersection(m.turn_ids)]
    of_day = [m for m in kept if m.id in taught]
    of_nights = [m for m in kept if m.id not in due]
    some = random.Random(context.seed).sample(of_nights, min(len(of_nights), settings.nap.exam.old_memories))
    old = [*of_day, *some]
    here = {memory.id for memory in (*new, *old)}
    return new, old, [memory for memory in kept if memory.id not in here]


def _prepare(
    work: _Work,
    new: list[Memory],
    old: list[Memory],
    others: list[Memory],
    head: Manifest | None,
    day: Manifest | None,
) -> replay.TrainingSet:
    """Writes the job: the questions of one pass, trained `passes` times."""
    context, nap = work.context, work.context.settings.nap
    new = stages._with_questions(work.stage, {}, new)
    chosen = replay.training_set(new, old, nap.replay, nap.exam, context.seed, beside=others)
    anchored = _anchors(work)
    examples = replay.tokenised(chosen, anchored, context.engine, context.persona)
    worker.write_job(work.folder / "job", _job(work, head, day, examples), examples)
    return chosen


def _anchors(work: _Work) -> list[Example]:
    """Some of the night's anchors, others for each nap."""
    context = work.context
    everything = anchors(
        context.engine,
        context.persona,
        replay.anchor_prompts(),
        context.settings.replay,
        context.base.sha256,
        context.base.folder(context.cache),
        shipped=role_folder(context.base),
    )
    wanted = min(len(everything), context.settings.nap.replay.anchors)
    return random.Random(context.seed).sample(everything, wanted)


def _job(work: _Work, head: Manifest | None, day: Manifest | None, examples: Sequence[Example]) -> worker.Job:
    """The day's first nap begins at zero, on top of what stays as it is; others where the last one ended."""
    context, settings = work.context, work.context.settings
    start = context.registry.root / day.id / "peft" if day else None
    beneath = weights_beneath(context.registry, head, context.base)
    tokens = sum(len(example.ids) for example in examples)
    training = nap_training(settings.training, settings.nap, work.passes, tokens)
    return training_job(
        replace(context, settings=settings.model_copy(update={"training": training})),
        start if start and same_shape(start, settings.lora) else None,
        stacked_on=beneath,
    )


def nap_training(
    night: TrainingSettings, nap: NapTrainingSettings, passes: int, tokens: int
) -> TrainingSettings:
    """How a nap trains: `passes` over a training set of so many `tokens`, and what is not said as a night.

    Few passes are taken in smaller steps, and train all blocks: what is computed below the upper ones would
    hardly be read again.
    """
    return night.model_copy(
        update={
            "learning_rate": nap.learning_rate,
            "epochs": passes,
            "tokens_per_step": min(night.tokens_per_step, max(1, passes * tokens // nap.min_steps)),
            "frozen_share": 0.0 if passes <= _FEW else night.frozen_share,
        }
    )


def _export(
    work: _Work,
    new: list[Memory],
    training: replay.TrainingSet,
    head: Manifest | None,
    day: Manifest | None,
) -> str:
    """Takes the trained adapter into the registry; it does not serve yet. Returns its id."""
    from safetensors.numpy import load_file

    context, build, geometry = work.context, work.folder / "build", stages._geometry(work.stage)
    shutil.copytree(work.folder / "job" / "peft", build / "peft")
    tensors = load_file(str(build / "peft" / "adapter_model.safetensors"))
    lora = context.settings.lora
    write_adapter(tensors, geometry, lora.alpha, build / "adapter.gguf", file_type=lora.file_type, name="day")
    memories = tuple(ManifestMemory(id=memory.id, statement=memory.statement) for memory in new)
    manifest = Manifest(
        kind="day",
        created_at=datetime.now(UTC),
        parent=head.id if head else None,
        base_sha256=context.base.sha256,
        architecture=geometry.architecture,
        rank=lora.rank,
        memories=(*(day.memories if day else ()), *memories),
        training_set_sha256=training.sha256,
        settings={**stages._settings_in_force(work.stage), "passes": work.passes},
        opens=OPENING if context.settings.gated else "",
        declines=DECLINES if context.settings.reads_again else (),
        asks=PLAINLY if context.settings.reads_again else "",
        names=_names_with(stages._names(context, new), head, day),
        seed=context.seed,
        timings=work.seconds,
        versions={name: stages._version(name) for name in stages._VERSIONED},
    )
    return context.registry.add(build, manifest).id


def _names_with(
    new: Sequence[TaughtName], head: Manifest | None, day: Manifest | None
) -> tuple[TaughtName, ...]:
    """All that the stack's answers name, since the day adapter is asked for all of it."""
    before = [name for each in (head, day) if each is not None for name in each.names]
    return tuple({name.name: name for name in (*before, *new)}.values()) if new else ()


def served_with(context: NightContext, adapter: str, head: Manifest | None) -> tuple[Mount, ...]:
    """What the engine mounts to serve the day adapter."""
    beneath = mounts_beneath(context.registry, head, context.base, context.cache)
    return (*beneath, context.registry.mount(adapter))


def _examined(
    work: _Work, adapter: str, training: replay.TrainingSet, head: Manifest | None
) -> tuple[bool, list[str]]:
    context, settings = work.context, work.context.settings.nap.exam
    stack = served_with(context, adapter, head)
    bounds = (settings.max_general_drift, settings.max_chat_drift)
    measured = None if bounds == (None, None) else of_base.drift_of(context, stack)
    record = examination.hold(
        examination.Examiner(context.engine, context.persona, stack),
        training.probes,
        of_base.skills(context, settings.skill_questions),
        settings,
        due=training.due,
        drift=measured,
    )
    context.registry.record_exam(adapter, record)
    work.found["exam"] = record["kinds"]
    return record["passed"], record["reasons"]
