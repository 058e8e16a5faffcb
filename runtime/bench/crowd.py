"""`bench crowd`: many clients of one home at once, for minutes: who is answered what, and when.

Promise: every client asks again as soon as it is answered, and its answer is compared with the one the same
door gave to the same question when nobody else was there. All share one engine, so all stand in one queue,
where first come is first served. Those who pass through a server stand there for a place in it: a server has
one turn answered at a time, its users in turn, so that a user's fair wait is as many rounds of the queue as
the server has users. Knows questions, answers and times; `crowd_doors` knows the doors.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import count, pairwise

from ..errors import BenchFailed
from .report import Spread, Target, figures_of

Ask = Callable[[str], str]
"""Has a question answered; whatever it raises ends the client, and is a fault of the report's."""

_LAST_ANSWERS_S = 600.0


@dataclass(frozen=True, slots=True)
class Client:
    """One of the crowd. `opened` is its door; `through` names the server it passes through, if any; `starts`
    says that it takes long from being asked to standing in the queue, as a command does that must be started.
    """

    name: str
    opened: Callable[[], AbstractContextManager[Ask]]
    through: str | None = None
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of one client: when it was asked and answered (seconds), and whether rightly."""

    client: str
    question: str
    answer: str
    right: bool
    began: float
    ended: float


@dataclass(frozen=True)
class Crowding:
    """What came of it: every question in the order of their answers, and what went wrong, by client."""

    asked: tuple[Asked, ...]
    faults: Mapping[str, str]
    stuck: tuple[str, ...]
    seconds: float


def crowded(clients: Sequence[Client], questions: Sequence[str], seconds: float, seed: int) -> Crowding:
    """Has every client alone answer every question, then all of them at once, for so long."""
    alone = {client.name: _alone(client, questions) for client in clients}
    asked: list[Asked] = []
    faults: dict[str, str] = {}
    start, end = threading.Event(), threading.Event()

    def keep_asking(client: Client) -> None:
        order = random.Random(f"{seed} {client.name}")
        try:
            with client.opened() as ask:
                start.wait()
                for number in count():
                    if end.is_set() and number:
                        return
                    question = order.choice(questions)
                    began = time.monotonic()
                    answer = ask(question)
                    right = answer == alone[client.name][question]
                    asked.append(Asked(client.name, question, answer, right, began, time.monotonic()))
        except Exception as error:  # noqa: BLE001 (it is a fault of the report's, whatever it is)
            faults[client.name] = f"{type(error).__name__}: {error}"

    threads = {c.name: threading.Thread(target=keep_asking, args=(c,), daemon=True) for c in clients}
    for thread in threads.values():
        thread.start()
    began = time.monotonic()
    start.set()
    end.wait(seconds)
    end.set()
    for thread in threads.values():
        thread.join(_LAST_ANSWERS_S)
    stuck = tuple(name for name, thread in threads.items() if thread.is_alive())
    return Crowding(tuple(asked), faults, stuck, time.monotonic() - began)


def overtaken(asked: Sequence[Asked], clients: Sequence[Client]) -> list[int]:
    """For each question of a client that needs no start: how many others were asked and answered more often
    while it waited than is fair.

    Fair is once; for who waits for a place in a server, as often as that has users, of those outside it.
    """
    known = {client.name: client for client in clients}
    by_client: dict[str, list[Asked]] = {}
    for each in asked:
        by_client.setdefault(each.client, []).append(each)

    def fair(waiting: Client, other: Client) -> int:
        return 1 if waiting.through == other.through else _users(waiting, clients)

    def during(wait: Asked, others: Sequence[Asked]) -> int:
        return sum(other.began > wait.began and other.ended < wait.ended for other in others)

    return [
        sum(
            during(each, others) > fair(known[each.client], known[name])
            for name, others in by_client.items()
            if name != each.client
        )
        for each in asked
        if not known[each.client].starts
    ]


def longest_wait_over_fair(asked: Sequence[Asked], clients: Sequence[Client]) -> float:
    """The longest time from a question to its answer, over the longest that is fair: a turn of every client
    for each of the rounds it may wait, as long as the 99th percentile of the times between answers.
    """
    answers = sorted(each.ended for each in asked)
    gaps = sorted(later - earlier for earlier, later in pairwise(answers))
    if not gaps:
        return 0.0
    turn_s = gaps[int(0.99 * (len(gaps) - 1))]
    fair = {c.name: len(clients) * _users(c, clients) * turn_s for c in clients if not c.starts}
    waits = [(each.ended - each.began) / fair[each.client] for each in asked if each.client in fair]
    return max(waits, default=0.0)


def _users(client: Client, clients: Sequence[Client]) -> int:
    """How many pass through the server that this client does; itself alone where it passes through none."""
    return 1 if client.through is None else sum(other.through == client.through for other in clients)


def figures(found: Crowding, clients: Sequence[Client]) -> tuple[dict[str, Spread], list[Target]]:
    """The figures of a crowd, and what they are held to."""
    passed = overtaken(found.asked, clients)
    named: dict[str, list[float | None]] = {
        "clients": [float(len(clients))],
        "answers": [float(len(found.asked))],
        "wrong": [float(sum(not each.right for each in found.asked))],
        "faults": [float(len(found.faults))],
        "stuck": [float(len(found.stuck))],
        "share_overtaken": [sum(map(bool, passed)) / len(passed) if passed else None],
        "longest_wait_over_fair": [longest_wait_over_fair(found.asked, clients)],
    }
    for client in clients:
        own = [each for each in found.asked if each.client == client.name]
        named[f"answers.{client.name}"] = [float(len(own))]
        named[f"wait_s.{client.name}"] = [each.ended - each.began for each in own]
    got = figures_of(named)
    fewest = min(got[f"answers.{client.name}"].mean for client in clients)
    targets = [
        Target("wrong", "at most", 0.0, got["wrong"].mean),
        Target("faults", "at most", 0.0, got["faults"].mean),
        Target("stuck", "at most", 0.0, got["stuck"].mean),
        Target("fewest_answers", "at least", 1.0, fewest),
        Target("share_overtaken", "at most", 0.01, _mean(got, "share_overtaken")),
    ]
    return got, targets


def rows(found: Crowding) -> list[dict[str, object]]:
    """The questions that went wrong, for the report."""
    return [asdict(each) for each in found.asked if not each.right]


def _alone(client: Client, questions: Sequence[str]) -> dict[str, str]:
    with client.opened() as ask:
        answers = {question: ask(question) for question in questions}
    if len(set(answers.values())) < 2:
        raise BenchFailed("crowd", f"{client.name} is answered the same to every question")
    return answers


def _mean(got: Mapping[str, Spread], name: str) -> float | None:
    found = got.get(name)
    return None if found is None else found.mean
