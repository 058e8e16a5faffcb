"""`bench yield`: turns taken while a night trains, beside the same turns on an idle machine.

Promise: the night is a real one on real weights; a first piece is timed as a reader of the stream gets it,
and the trainer counts as halted when the kernel says so. Knows agents and processes; nothing of training.
"""

from __future__ import annotations

import random
import resource
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil

from ...memory.durable import sha256_of
from ..agent import Agent
from ..errors import BenchFailed
from ..spec import Spec
from .crash import small_night
from .report import BenchReport, Say, Target, figures_of, gathered, surroundings

if TYPE_CHECKING:
    from ...sleep.records import NightReport, Progress

_DAY = (
    "Good morning! My dog is called Zorbal.",
    "I live in Tromso, and it has been snowing since Tuesday.",
    "My sister is called Ingunn.",
    "My favourite colour is ochre.",
)
_QUESTION = "Could you tell me something about the history of tea?"
_WARM_UP = 2
_LOOK_S = 0.001
_LONGEST_HALT_S = 5.0


@dataclass(frozen=True, slots=True)
class Interruption:
    """A turn during training: seconds to its first piece, and to the trainer's halt (None: it never did)."""

    first_piece_s: float
    halted_s: float | None


@dataclass(frozen=True)
class Slept:
    """One night: what it made, the processor seconds it took, steps done twice, and the turns during it."""

    adapter: str
    exam: str
    cpu_s: float
    repeated: int
    turns: tuple[Interruption, ...]


def bench_yield(spec: Spec, turns: int, seed: int, say: Say) -> BenchReport:
    """Two nights over copies of one home, one of them with `turns` turns during its training.

    Raises BenchFailed when a night did not publish, or ended before all turns were taken.
    """
    started, where = time.monotonic(), surroundings(spec)
    small = _training_for_a_minute(small_night(spec))
    with TemporaryDirectory() as folder:
        told, other = Path(folder, "told"), Path(folder, "other")
        with Agent(small, home=told, attach=False) as agent:
            agent.tell([{"session": "day", "content": turn} for turn in _DAY])
        shutil.copytree(told, other)
        say("a night that nobody interrupts")
        whole = _night(small, told, 0, seed)
        say(f"it took {whole.cpu_s:.0f} s of processor time; now turns on an idle machine")
        idle = _idle_turns(small, other, turns)
        say(f"{turns} turns during the same night")
        cut = _night(small, other, turns, seed)
    if len(cut.turns) < turns:
        raise BenchFailed("yield", f"training ended after {len(cut.turns)} of {turns} turns")
    pieces = [each.first_piece_s for each in cut.turns]
    figures = figures_of(
        {
            "first_piece_idle_s": idle,
            "first_piece_training_s": pieces,
            "first_piece_p95_ratio": [_p95(pieces) / _p95(idle)],
            "halted_s": [each.halted_s for each in cut.turns],
            "never_halted": [float(sum(each.halted_s is None for each in cut.turns))],
            "steps_lost": [float(cut.repeated)],
            "cpu_ratio": [cut.cpu_s / whole.cpu_s],
            "same_adapter": [float(cut.adapter == whole.adapter)],
            "same_exam": [float(cut.exam == whole.exam)],
        }
    )
    slowest = figures.get("halted_s")
    targets = [
        Target("first_piece_p95_ratio", "at most", 1.5, figures["first_piece_p95_ratio"].mean),
        Target("slowest_halt_s", "at most", 0.5, slowest.high if slowest else None),
        Target("never_halted", "at most", 0.0, figures["never_halted"].mean),
        Target("steps_lost", "at most", 1.0, figures["steps_lost"].mean),
        Target("cpu_ratio", "at most", 1.3, figures["cpu_ratio"].mean),
        Target("same_exam", "at least", 1.0, figures["same_exam"].mean),
    ]
    rows = [asdict(each) for each in cut.turns]
    return gathered("yield", where, small, [seed], time.monotonic() - started, figures, targets, rows)


def _training_for_a_minute(spec: Spec) -> Spec:
    """Long enough for the turns, and gone on with soon after each."""
    training = spec.sleep.training.model_copy(update={"epochs": 12})
    return spec.model_copy(
        update={"sleep": spec.sleep.model_copy(update={"training": training, "resume_after_s": 0.2})}
    )


def _idle_turns(spec: Spec, home: Path, turns: int) -> list[float]:
    with Agent(spec, home=home, attach=False) as agent:
        for _ in range(_WARM_UP):
            _first_piece(agent)
        return [_first_piece(agent) for _ in range(turns)]


def _first_piece(agent: Agent) -> float:
    """Seconds to the first piece of a turn in a session of its own; the rest is waited for."""
    session = agent.new_session()
    began = time.perf_counter()
    with agent.stream(_QUESTION, session) as pieces:
        next(pieces)
        took = time.perf_counter() - began
        for _ in pieces:
            pass
    return took


def _night(spec: Spec, home: Path, turns: int, seed: int) -> Slept:
    """One night with so many turns during its training."""
    rng, training, steps = random.Random(seed), threading.Event(), list[float]()
    came: list[NightReport] = []
    taken: list[Interruption] = []

    def watch(progress: Progress) -> None:
        if progress.stage == "consolidate" and progress.total > 1:
            steps.append(progress.done)
            training.set()

    before = _children_s()
    with Agent(spec, home=home, attach=False) as agent:
        for _ in range(_WARM_UP):
            agent.ask(_QUESTION)
        sleeping = threading.Thread(target=lambda: came.append(agent.sleep(watch)))
        sleeping.start()
        while turns and sleeping.is_alive() and not training.wait(0.1):
            pass
        while len(taken) < turns and sleeping.is_alive() and (trainer := _trainer()) is not None:
            taken.append(_interrupt(agent, trainer))
            time.sleep(rng.uniform(0.3, 1.0))
        sleeping.join()
        if not came or came[0].status != "published" or came[0].adapter is None:
            raise BenchFailed("yield", f"the night ended with {came[0].status if came else 'an error'}")
        file = agent.space.registry.mount(came[0].adapter).path
        exam = str([(item["id"], item["answer"]) for item in (came[0].exam or {}).get("items", [])])
        done = [step for step in steps if step == int(step)]
        repeated = len(done) - len(set(done))
        return Slept(sha256_of(file), exam, _children_s() - before, repeated, tuple(taken))


def _interrupt(agent: Agent, trainer: psutil.Process) -> Interruption:
    """A turn, with somebody looking at the trainer meanwhile."""
    halted: list[float] = []
    began = time.perf_counter()

    def look() -> None:
        with suppress(psutil.Error):
            while time.perf_counter() - began < _LONGEST_HALT_S:
                if trainer.status() == psutil.STATUS_STOPPED:
                    halted.append(time.perf_counter() - began)
                    return
                time.sleep(_LOOK_S)

    looking = threading.Thread(target=look)
    looking.start()
    first = _first_piece(agent)
    looking.join()
    return Interruption(first, halted[0] if halted else None)


def _trainer() -> psutil.Process | None:
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if any("sleep.worker" in part for part in child.cmdline()):
                return child
    return None


def _children_s() -> float:
    """Processor seconds of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _p95(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
