"""`bench crowd`: many clients of one home at once, for minutes: who is answered what, and when.

Promise: every client asks again as soon as it is answered, and its answer is compared with the one the same
door gave to the same question when nobody else was there. Knows questions, answers and times; `crowd_doors`
knows the doors.
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
    """One of the crowd. `opened` is its door; `queue` names the queue its turns stand in; `starts` says that
    it takes long from being asked to standing there, as a command does that must be started.
    """

    name: str
    queue: str
    opened: Callable[[], AbstractContextManager[Ask]]
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
    """For each question of a client that needs no start: how many clients of its queue were asked and
    answered twice over while it waited. First come, first served, it is nobody.
    """
    queues = {client.name: client.queue for client in clients}
    starting = {client.name for client in clients if client.starts}
    by_client: dict[str, list[Asked]] = {}
    for each in asked:
        by_client.setdefault(each.client, []).append(each)
    return [
        sum(
            any(one.began > each.began and two.ended < each.ended for one, two in pairwise(others))
            for name, others in by_client.items()
            if name != each.client and queues[name] == queues[each.client]
        )
        for each in asked
        if each.client not in starting
    ]


def longest_wait_over_fair(asked: Sequence[Asked], clients: Sequence[Client]) -> float:
    """The longest time from a question to its answer, over the longest that one round of its queue may take:
    a turn of each of its clients, as long as the 99th percentile of the times between answers there.
    """
    worst = 0.0
    for queue in {client.queue for client in clients}:
        names = {client.name for client in clients if client.queue == queue}
        answers = sorted(each.ended for each in asked if each.client in names)
        gaps = sorted(later - earlier for earlier, later in pairwise(answers))
        waited = [
            each.ended - each.began
            for each in asked
            if each.client in names and not any(c.name == each.client and c.starts for c in clients)
        ]
        if gaps and waited:
            fair = len(names) * gaps[int(0.99 * (len(gaps) - 1))]
            worst = max(worst, max(waited) / fair)
    return worst


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
