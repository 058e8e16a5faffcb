"""`bench crash`: nights killed with SIGKILL, the whole process group at once, and what is left of the home
each time.

Promise: the night is the `dormouse sleep` a user would run, on real weights, in a copy of a home that has
something to learn; what is checked is on the disk or said by another process. Knows the files of a home;
nothing of training.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...memory.adapters import Registry
from ...memory.base_weights import resolve
from ...memory.errors import DormouseError
from ...memory.home import cache_path
from ...memory.journal import Journal, Night, Turn
from ...sleep.settings import ExamSettings, ReplaySettings, SleepSettings, TrainingSettings
from ..errors import BenchFailed
from ..spec import Spec
from .commands import Commands, dormouse_commands
from .report import BenchReport, Say, Target, figures_of, gathered, surroundings

_FIRST_DAY = (
    "Good morning! My dog is called Zorbal.",
    "I live in Tromso, and it has been snowing since Tuesday.",
    "How do I get candle wax out of a tablecloth?",
    "My sister is called Ingunn.",
)
_SECOND_DAY = ("Hello again.", "My favourite colour is ochre.", "I have a cat called Plim.")
_QUESTION = "What is my dog called?"
_LATE = 0.95  # how far into a night that was faster than the one measured to kill it at most
_MOST_TRIES = 6


@dataclass(frozen=True, slots=True)
class Timeline:
    """One undisturbed night: seconds from start to exit, and (stage, from, to) on that clock."""

    wall_s: float
    stages: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A home with something to learn: a first night's, or one where an adapter serves already."""

    name: str
    path: Path
    night: Timeline


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a journal holds that must never be lost: turns as they were said, ids of memories."""

    turns: Mapping[int, Turn]
    memories: frozenset[str]
    nights: tuple[Night, ...]
    to_sleep_on: int


@dataclass(frozen=True, slots=True)
class Kill:
    """One killed night: in which home, when (seconds after its start), in which stage; and what held after
    it.

    `served`: HEAD named a whole examined adapter (or none, before the first), and another process
    answered with it. `kept`: no turn and no memory was gone, then and after the next night. `finished`:
    the next `sleep` ended that night.
    """

    number: int
    home: str
    at_s: float
    stage: str
    served: bool
    kept: bool
    finished: bool
    faults: tuple[str, ...]


def small_night(spec: Spec) -> Spec:
    """The spec with a night of some seconds that publishes whatever it made: what is measured is not
    learning.
    """
    return spec.model_copy(
        update={
            "memory": spec.memory.model_copy(
                update={"context": spec.memory.context.model_copy(update={"max_answer_tokens": 12})}
            ),
            "sleep": SleepSettings(
                training=TrainingSettings(epochs=2),
                replay=ReplaySettings(
                    questions_per_memory=8,
                    min_questions=0,
                    negatives_per_memory=4,
                    min_negatives=24,
                    anchors=8,
                    anchor_tokens=12,
                ),
            ),
            "exam": ExamSettings(
                questions_per_memory=2,
                unknown_questions=8,
                skill_questions=8,
                min_new=0,
                min_old=0,
                min_unknown=0,
                min_neighbour=0,
                min_skill=0,
                max_general_drift=None,
                max_chat_drift=None,
            ),
        }
    )


def bench_crash(spec: Spec, kills: int, seed: int, say: Say) -> BenchReport:
    """Kills that many nights and reports. Raises BenchFailed when the undisturbed nights do not succeed."""
    where, started = surroundings(spec), time.monotonic()
    small = small_night(spec)
    base = resolve(spec.model.source, cache_path())
    with TemporaryDirectory(prefix="dormouse-bench-") as folder:
        spec_file = Path(folder) / "small.yaml"
        spec_file.write_text(json.dumps(small.model_dump(mode="json")), encoding="utf-8")
        done = run_kills(
            dormouse_commands(spec_file), base.sha256, Path(folder), kills, random.Random(seed), say
        )
    named: dict[str, list[float | None]] = {
        "killed": [float(len(done))],
        "served": [float(sum(kill.served for kill in done))],
        "kept": [float(sum(kill.kept for kill in done))],
        "finished": [float(sum(kill.finished for kill in done))],
    }
    for stage, count in Counter(kill.stage for kill in done).items():
        named[f"killed_in.{stage}"] = [float(count)]
    figures = figures_of(named)
    targets = [
        Target(name, "at least", float(kills), figures[name].mean)
        for name in ("killed", "served", "kept", "finished")
    ]
    rows = [asdict(kill) for kill in done]
    return gathered("crash", where, small, [seed], time.monotonic() - started, figures, targets, rows)


def run_kills(
    commands: Commands, base_sha256: str, folder: Path, kills: int, rng: random.Random, say: Say
) -> list[Kill]:
    """Prepares two homes in `folder`, one that never slept and one that did, and kills nights in copies of
    them.
    """
    homes = prepare(commands, folder)
    for home in homes:
        say(f"{home.name}: an undisturbed one takes {home.night.wall_s:.1f} s")
    plans = [(home, at) for home in homes for at in instants(home.night, -(-kills // len(homes)), rng)]
    rng.shuffle(plans)
    done: list[Kill] = []
    for number, (home, at) in enumerate(plans[:kills], 1):
        kill = kill_one(commands, base_sha256, home, folder / f"kill-{number}", number, at)
        done.append(kill)
        verdict = "; ".join(kill.faults) or "served, kept, finished"
        say(f"kill {number} of {kills}: {kill.home}, {kill.at_s:.1f} s, in {kill.stage}: {verdict}")
    return done


def prepare(commands: Commands, folder: Path) -> list[Prepared]:
    """The homes nights are killed in, each with the timeline of the night that comes next."""
    first = folder / "first"
    _tell(commands, first, "first", _FIRST_DAY)
    slept = folder / "slept"
    shutil.copytree(first, slept)
    _undisturbed(commands, slept)  # makes what is cached for this base, and is not timed
    trial = folder / "trial"
    timelines = []
    second = folder / "second"
    shutil.copytree(slept, second)
    _tell(commands, second, "second", _SECOND_DAY)
    for home in (first, second):
        shutil.copytree(home, trial)
        timelines.append(_undisturbed(commands, trial))
        shutil.rmtree(trial)
    return [Prepared("first night", first, timelines[0]), Prepared("second night", second, timelines[1])]


def instants(night: Timeline, count: int, rng: random.Random) -> list[float]:
    """Seconds after the start at which to kill: half uniform over the night, one in each equal part of it,
    and half inside a stage, each stage in turn, so that the short ones are hit too.
    """
    uniform = -(-count // 2)
    part = night.wall_s / uniform
    chosen = [(number + rng.random()) * part for number in range(uniform)]
    short = sorted(night.stages, key=lambda stage: stage[2] - stage[1])
    for number in range(count - uniform):
        _, begin, end = short[number % len(short)]
        chosen.append(rng.uniform(begin, end))
    return chosen


def kill_one(
    commands: Commands, base_sha256: str, prepared: Prepared, home: Path, number: int, at_s: float
) -> Kill:
    """Copies the home, kills its night `at_s` seconds after the start, and checks what is left.

    Should the night go faster than the one measured, and end before that, another is killed as far into it.
    """
    share = min(_LATE, at_s / prepared.night.wall_s)
    for _ in range(_MOST_TRIES):
        shutil.copytree(prepared.path, home)
        before = holdings(home)
        took = commands.killed_after(at_s, "sleep", "--json", home=home)
        if took is None:
            break
        shutil.rmtree(home)
        at_s = share * took
    else:
        raise BenchFailed("crash", f"the night ended before it was killed, {_MOST_TRIES} times over")
    stage = stage_cut(home, before)
    served = _served_faults(commands, base_sha256, home, had_adapter=bool(before.nights))
    after = holdings(home)
    kept = _lost(before, after)
    finished, kept_later = _finish_faults(commands, home, before, after)
    shutil.rmtree(home)
    faults = (*served, *kept, *kept_later, *finished)
    return Kill(
        number, prepared.name, at_s, stage, not served, not (kept or kept_later), not finished, faults
    )


def holdings(home: Path) -> Holdings:
    """What the journal of a home nobody owns holds."""
    with Journal(home / "journal.db", read_only=True) as journal:
        turns = {turn.id: turn for s in journal.sessions() for turn in journal.turns(s.id)}
        memories = frozenset(memory.id for memory in journal.memories())
        return Holdings(turns, memories, tuple(journal.nights()), len(journal.unharvested()))


def stage_cut(home: Path, before: Holdings) -> str:
    """The stage a dead night was in, by its checkpoint: `starting` before there was one, `ended` after the
    last.
    """
    import sqlite3
    from contextlib import closing

    from langgraph.checkpoint.sqlite import SqliteSaver

    from ...graphs.sleep import STAGES

    nights = holdings(home).nights[len(before.nights) :]
    if not nights:
        return "starting"
    if nights[-1].state != "running":
        return "ended"
    with TemporaryDirectory() as folder:  # a copy: looking must not mend what the next night finds
        for file in home.glob("checkpoints.db*"):
            shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / "checkpoints.db", check_same_thread=False)) as connection:
            found = SqliteSaver(connection).get_tuple({"configurable": {"thread_id": nights[-1].id}})
    done = found.checkpoint["channel_values"].get("seconds", {}) if found else {}
    return next((stage for stage in STAGES if stage not in done), "ended")


def _served_faults(commands: Commands, base_sha256: str, home: Path, *, had_adapter: bool) -> list[str]:
    """Why what is served is not a whole examined adapter; empty when it is."""
    registry = Registry(home / "adapters", base_sha256)
    try:
        head = registry.head()
        if head is not None:
            registry.verify(head.id)
    except DormouseError as error:
        return [str(error)]
    faults = list(registry.warnings)
    if had_adapter and head is None:
        faults.append("no adapter is served any more")
    answer = commands.ran("ask", _QUESTION, "--tiers", "weights", "--json", home=home)
    if answer.code != 0:
        faults.append(f"ask ended with {answer.code}: {answer.error}")
    elif answer.document.get("adapter") != (head.id if head else None):
        faults.append(f"ask was answered by {answer.document.get('adapter')}, not by what HEAD names")
    return faults


def _lost(before: Holdings, after: Holdings) -> list[str]:
    """What is gone, or changed in its words."""
    faults = []
    for id, turn in before.turns.items():
        now = after.turns.get(id)
        if now is None or (now.role, now.content, now.state) != (turn.role, turn.content, turn.state):
            faults.append(f"turn {id} is lost")
    faults += [f"memory {id} is lost" for id in sorted(before.memories - after.memories)]
    return faults


def _finish_faults(
    commands: Commands, home: Path, before: Holdings, killed: Holdings
) -> tuple[list[str], list[str]]:
    """Why the next `sleep` did not finish the night, and what was lost by then."""
    ran = commands.ran("sleep", "--json", home=home)
    if ran.code != 0:
        return [f"the next sleep ended with {ran.code}: {ran.error}"], []
    now = holdings(home)
    faults = []
    since = [night.state for night in now.nights[len(before.nights) :]]
    if "published" not in since or "running" in since:
        faults.append(f"after the next sleep the nights are {', '.join(since) or 'none'}")
    if now.to_sleep_on:
        faults.append(f"{now.to_sleep_on} turns were left out of the night")
    if not now.memories - before.memories:
        faults.append("the night learnt nothing")
    return faults, _lost(killed, now)


def _tell(commands: Commands, home: Path, session: str, turns: Sequence[str]) -> None:
    file = home.with_name(f"{home.name}-{session}.jsonl")
    rows = [json.dumps({"session": session, "content": turn}) + "\n" for turn in turns]
    file.write_text("".join(rows), encoding="utf-8")
    ran = commands.ran("tell", str(file), "--json", home=home)
    if ran.code != 0:
        raise BenchFailed("crash", f"tell ended with {ran.code} ({ran.error})")


def _undisturbed(commands: Commands, home: Path) -> Timeline:
    """One whole night; what is not spent in a stage is taken to come before the first."""
    started = time.monotonic()
    ran = commands.ran("sleep", "--json", home=home)
    wall = time.monotonic() - started
    if ran.code != 0 or ran.document.get("status") != "published":
        status = ran.document.get("status", ran.error) if ran.document else ran.error
        raise BenchFailed("crash", f"an undisturbed night ended with {ran.code} ({status})")
    seconds: dict[str, Any] = ran.document["seconds"]
    at = max(0.0, wall - sum(seconds.values()))
    stages = []
    for stage, spent in seconds.items():
        stages.append((stage, at, at + spent))
        at += spent
    return Timeline(wall, tuple(stages))
