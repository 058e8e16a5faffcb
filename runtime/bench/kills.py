"""`bench kills`: a daemon killed with SIGKILL again and again, under chats and nights; what is lost of them.

Promise: the daemon is the one a user runs, under its keeper; the chats are clients of its door in this
process. What was said and answered is looked up in the journal once all is over. Knows agents and processes;
nothing of how a daemon comes back.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ...memory.adapters import Registry
from ...memory.base_weights import resolve
from ...memory.errors import DormouseError
from ...memory.home import cache_path
from ...memory.journal import Journal
from ...sleep.kinds import invented_word
from ..daemon.service import Service
from ..doors.attached import AttachedAgent
from ..errors import BenchFailed
from ..records import Reply
from ..spec import Spec
from .crash import small_night
from .kept_daemon import PATIENCE_S, KeptDaemon
from .report import BenchReport, Say, Target, figures_of, gathered, surroundings

if TYPE_CHECKING:
    from ...sleep.records import NightReport, Progress

_BEGUN = "begun"
_IN_A_STAGE = 0.4  # of a daemon's life, once a night has come into its stages: they are short ones
_CHATS = ("one", "two")
_TALK = (  # another word in each place, so that every night has something to learn
    "My dog is called {}.",
    "What is a good soup for a cold day?",
    "I live in {}.",
    "How do bees make honey?",
)


@dataclass(frozen=True, slots=True)
class KillPlan:
    """A daemon lives `longest_s` after it came back, at most; a chat rests `longest_rest_s` between turns, at
    most. With `sleeps` somebody asks for a night again and again, and every second daemon lives until a night
    has come into its stages, for `night_s` at most.
    """

    kills: int
    seed: int
    longest_s: float = 15.0
    longest_rest_s: float = 8.0
    sleeps: bool = True
    night_s: float = 60.0


@dataclass(frozen=True, slots=True)
class DaemonKill:
    """One kill: seconds the daemon had lived, turns that were being answered, the stage of the night (empty
    without one), and seconds until the next daemon answered.
    """

    number: int
    lived_s: float
    answering: int
    stage: str
    back_s: float


@dataclass
class Chat:
    """What one client said, and what it was answered."""

    said: list[str] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    session: str = ""
    told: int = 0  # how often it said that it was attached again
    asking: bool = False
    failure: Exception | None = None


@dataclass(frozen=True)
class Aftermath:
    """What the kills left: `last_night` is the status of one slept in peace, None where none was wanted."""

    kills: tuple[DaemonKill, ...]
    chats: tuple[Chat, ...]
    faults: tuple[str, ...]
    last_night: str | None
    code: int

    @property
    def lost(self) -> int:
        return len(self.faults)


def bench_kills(spec: Spec, plan: KillPlan, say: Say) -> BenchReport:
    """Kills a daemon that often and reports. Raises BenchFailed when it does not come back."""
    where, started = surroundings(spec), time.monotonic()
    small = small_night(spec)
    small = small.model_copy(update={"sleep": small.sleep.model_copy(update={"resume_after_s": 0.2})})
    base = resolve(spec.model.source, cache_path())
    with TemporaryDirectory(prefix="dormouse-bench-") as folder:
        home, file = Path(folder, "home"), Path(folder, "small.yaml")
        file.write_text(json.dumps(small.model_dump(mode="json")), encoding="utf-8")
        after = killed_again_and_again(Service(home, file).command, home, plan, say)
        whole = _is_whole(home, base.sha256)
    figures = figures_of(
        {
            "killed": [float(len(after.kills))],
            "killed_while_answering": [float(sum(kill.answering > 0 for kill in after.kills))],
            "killed_in_a_night": [float(sum(bool(kill.stage) for kill in after.kills))],
            "killed_in_a_stage": [float(sum(kill.stage not in ("", _BEGUN) for kill in after.kills))],
            "back_s": [kill.back_s for kill in after.kills],
            "turns": [float(sum(len(chat.said) for chat in after.chats))],
            "turns_cut_short": [float(sum(r.interrupted for chat in after.chats for r in chat.replies))],
            "lost": [float(after.lost)],
            "chats_told": [float(sum(chat.told > 0 for chat in after.chats))],
            "last_night_ended": [float(after.last_night in ("published", "nothing-new"))],
            "adapters_whole": [float(whole)],
            "ended_cleanly": [float(after.code == 0)],
        }
    )
    least = {"killed": plan.kills, "chats_told": len(_CHATS), "last_night_ended": 1, "adapters_whole": 1}
    if plan.sleeps:
        least["killed_in_a_stage"] = plan.kills // 4
    targets = [Target(name, "at least", float(value), figures[name].mean) for name, value in least.items()]
    targets.append(Target("lost", "at most", 0.0, figures["lost"].mean))
    for fault in after.faults[:5]:
        say(fault)
    if after.last_night is not None:
        say(f"the last night, in peace: {after.last_night}")
    rows = [asdict(kill) for kill in after.kills]
    seconds = time.monotonic() - started
    return gathered("kills", where, small, [plan.seed], seconds, figures, targets, rows)


def killed_again_and_again(program: Sequence[str], home: Path, plan: KillPlan, say: Say) -> Aftermath:
    """Runs the daemon `program` over `home`, talks with it, kills it, and looks at what is left."""
    over, chats, sleeper = threading.Event(), [Chat() for _ in _CHATS], _Sleeper()
    threads = [
        threading.Thread(target=_talk, args=(home, name, chat, plan, over), daemon=True)
        for name, chat in zip(_CHATS, chats, strict=True)
    ]
    if plan.sleeps:
        threads.append(threading.Thread(target=sleeper.run, args=(home, over), daemon=True))
    with KeptDaemon(program, home) as kept:
        for thread in threads:
            thread.start()
        _all_talk(chats)
        kills = _kill(kept, chats, sleeper, plan, say)
        over.set()
        for thread in threads:
            thread.join(2 * PATIENCE_S)
        if any(thread.is_alive() for thread in threads):
            raise BenchFailed("kills", "a client was never answered")
        last = _slept_in_peace(home) if plan.sleeps else None
        code = kept.stop()
    faults = [f"{type(chat.failure).__name__}: {chat.failure}" for chat in chats if chat.failure is not None]
    return Aftermath(tuple(kills), tuple(chats), (*faults, *lost(home, chats)), last, code)


def lost(home: Path, chats: Iterable[Chat]) -> list[str]:
    """What was said and is not in the journal once and in order; what was answered and is not there so."""
    faults: list[str] = []
    with Journal(home / "journal.db", read_only=True) as journal:
        for chat in chats:
            turns = journal.turns(chat.session) if chat.session else []
            heard = Counter(turn.content for turn in turns if turn.role == "user")
            faults += [f"{text!r} was heard {heard[text]} times" for text in chat.said if heard[text] != 1]
            if not faults and [turn.content for turn in turns if turn.role == "user"] != chat.said:
                faults.append(f"the turns of {chat.session} are in another order")
            by_id = {turn.id: turn for turn in turns}
            for text, reply in zip(chat.said, chat.replies, strict=False):
                answer = by_id.get(reply.turn_id)
                asked = by_id.get(answer.reply_to or 0) if answer is not None else None
                right = answer is not None and asked is not None and asked.content == text
                if not reply.interrupted and not (right and answer and answer.content == reply.text):
                    faults.append(f"the answer to {text!r} is not the journal's")
    return faults


def _talk(home: Path, name: str, chat: Chat, plan: KillPlan, over: threading.Event) -> None:
    rng = random.Random(f"{plan.seed} {name}")
    try:
        with AttachedAgent(home=home, returns_s=PATIENCE_S) as agent:
            chat.session = agent.new_session()
            while not over.wait(rng.uniform(0.0, plan.longest_rest_s)):
                words = _TALK[len(chat.said) % len(_TALK)].format(invented_word(rng))
                chat.said.append(f"{name} {len(chat.said)}: {words}")
                chat.asking = True
                chat.replies.append(agent.chat(chat.said[-1]))
                chat.asking = False
            chat.told = sum("restarted" in words for words in agent.warnings)
    except Exception as error:  # noqa: BLE001 (it is a fault of the report's, whatever it is)
        chat.failure = error


def _all_talk(chats: Sequence[Chat]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not all(chat.replies or chat.failure for chat in chats):
        if time.monotonic() > deadline:
            raise BenchFailed("kills", "the daemon answered nobody")
        time.sleep(0.02)


def _kill(
    kept: KeptDaemon, chats: Sequence[Chat], sleeper: _Sleeper, plan: KillPlan, say: Say
) -> list[DaemonKill]:
    rng, done = random.Random(plan.seed), list[DaemonKill]()
    for number in range(1, plan.kills + 1):
        began, lives = time.monotonic(), rng.uniform(0.0, plan.longest_s)
        if plan.sleeps and number % 2 == 0:
            _until_a_stage(sleeper, plan.night_s)
            lives *= _IN_A_STAGE
        time.sleep(lives)
        lives = time.monotonic() - began
        answering, stage = sum(chat.asking for chat in chats), sleeper.stage
        sleeper.stage = sleeper.stage and _BEGUN
        done.append(DaemonKill(number, lives, answering, stage, kept.kill()))
        say(
            f"kill {number} of {plan.kills}: after {lives:.1f} s, {answering} turns being answered, "
            f"{stage or 'no night'}; back in {done[-1].back_s:.1f} s"
        )
    return done


def _until_a_stage(sleeper: _Sleeper, longest_s: float) -> None:
    """Waits until the night that was asked for is told to be in a stage, or for as long as that."""
    deadline = time.monotonic() + longest_s
    while sleeper.stage in ("", _BEGUN) and time.monotonic() < deadline:
        time.sleep(0.02)


class _Sleeper:
    """Asks for nights, one after the other; `stage` is where the one that runs is."""

    def __init__(self) -> None:
        self.stage = ""

    def run(self, home: Path, over: threading.Event) -> None:
        with ExitStack() as opened:
            agent: AttachedAgent | None = None
            while not over.wait(0.5):
                with suppress(DormouseError):  # cut too often; it is asked for again
                    agent = agent or opened.enter_context(AttachedAgent(home=home, returns_s=PATIENCE_S))
                    self.stage = _BEGUN
                    agent.sleep(self._watch)
                self.stage = ""

    def _watch(self, progress: Progress) -> None:
        self.stage = progress.stage


def _slept_in_peace(home: Path) -> str:
    """How a night ends that nobody cuts short; the error's words when it fails."""
    try:
        with AttachedAgent(home=home, returns_s=PATIENCE_S) as agent:
            report: NightReport = agent.sleep()
    except DormouseError as error:
        return str(error)
    return report.status


def _is_whole(home: Path, base_sha256: str) -> bool:
    """Whether what HEAD names, if anything, is a whole adapter."""
    registry = Registry(home / "adapters", base_sha256)
    try:
        if (head := registry.head()) is not None:
            registry.verify(head.id)
    except DormouseError:
        return False
    return not registry.warnings
