"""A daemon in a process of its own, under its keeper: killed at random, told to end, shared by many.

`dormouse bench kills` and `bench crowd` do the same with the embedded model, longer. DORMOUSE_KILLS says how
often it is killed here, DORMOUSE_CROWD_S for how long eight clients talk at once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.journal import Journal
from dormouse.runtime.agent import Agent
from dormouse.runtime.bench import kills
from dormouse.runtime.bench.crowd import Ask, Asked, Client, crowded, longest_wait_over_fair, overtaken
from dormouse.runtime.bench.kept_daemon import KeptDaemon
from dormouse.runtime.bench.kills import Chat, KillPlan, killed_again_and_again, lost
from dormouse.runtime.daemon.keeper import next_wait_s
from dormouse.runtime.daemon.log import log_path
from dormouse.runtime.doors.client import mark_path

KILLS = int(os.environ.get("DORMOUSE_KILLS", "2"))
CROWD_S = float(os.environ.get("DORMOUSE_CROWD_S", "1"))
PROGRAM = Path(__file__).parents[1] / "daemon_program.py"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[KeptDaemon]:
    with KeptDaemon([sys.executable, str(PROGRAM), str(tmp_path / "home")], tmp_path / "home") as made:
        yield made


def silent(sentence: str) -> None:
    pass


def test_killed_again_and_again_it_comes_back_and_no_turn_is_lost(tmp_path: Path) -> None:
    plan = KillPlan(KILLS, seed=1, longest_s=0.6, longest_rest_s=0.0, sleeps=False)
    home = tmp_path / "home"
    after = killed_again_and_again([sys.executable, str(PROGRAM), str(home)], home, plan, silent)
    assert after.faults == ()
    assert [kill.number for kill in after.kills] == list(range(1, KILLS + 1))
    assert all(chat.told for chat in after.chats)
    assert after.code == 0


class Bystander:
    """Stands where a kept daemon is killed, and notes the stage that each kill met."""

    def __init__(self, sleeper: kills._Sleeper) -> None:
        self.sleeper = sleeper
        self.met: list[str] = []

    def kill(self) -> float:
        self.met.append(self.sleeper.stage)
        return 0.0


def test_every_second_kill_waits_until_a_night_is_in_a_stage() -> None:
    sleeper = kills._Sleeper()
    sleeper.stage = "begun"
    kept = Bystander(sleeper)

    def reach() -> None:
        while len(kept.met) < 4:
            if len(kept.met) % 2 == 1 and sleeper.stage != "replay":
                time.sleep(0.3)  # long after a daemon's longest life
                sleeper.stage = "replay"
            time.sleep(0.005)

    reached = threading.Thread(target=reach)
    reached.start()
    plan = KillPlan(4, seed=1, longest_s=0.02, night_s=60.0)
    done = kills._kill(cast(KeptDaemon, kept), [Chat()], sleeper, plan, silent)
    reached.join()
    assert [kill.stage == "replay" for kill in done] == [False, True, False, True]


def test_a_turn_that_the_journal_lacks_or_has_twice_is_lost(tmp_path: Path) -> None:
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE) as agent:
        session = agent.new_session()
        replies = [agent.chat(text) for text in ("one", "two", "two")]
    assert lost(tmp_path, [Chat(["one"], [], "")]) == ["'one' was heard 0 times"]
    told = ["one", "two", "three"]
    assert lost(tmp_path, [Chat(told, replies, session)])[:2] == [
        "'two' was heard 2 times",
        "'three' was heard 0 times",
    ]
    other = replace(replies[0], text="another's")
    assert "the answer to 'one' is not the journal's" in lost(tmp_path, [Chat(["one"], [other], session)])


@pytest.mark.parametrize(
    ("before_s", "lived_s", "ready", "wait_s"),
    [
        (0.1, 0.0, False, 0.2),
        (40.0, 1.0, False, 60.0),
        (40.0, 1.0, True, 2.0),
        (60.0, 31.0, False, 0.1),
        (60.0, 11.0, True, 0.1),
    ],
)
def test_a_daemon_that_had_been_ready_is_soon_begun_again(
    before_s: float, lived_s: float, ready: bool, wait_s: float
) -> None:
    assert next_wait_s(before_s, lived_s, ready) == wait_s


def test_many_clients_at_once_are_each_answered_what_they_asked(kept: KeptDaemon) -> None:
    @contextmanager
    def opened(chats: bool) -> Iterator[Ask]:
        with Agent(home=kept.home) as agent:
            yield (lambda text: agent.chat(text).text) if chats else (lambda text: agent.ask(text).answer)

    clients = [Client(f"client {n}", partial(opened, bool(n % 2))) for n in range(8)]
    found = crowded(clients, [f"question {n}" for n in range(8)], CROWD_S, seed=1)
    assert (found.faults, found.stuck) == ({}, ())
    assert {each.client for each in found.asked} == {client.name for client in clients}
    assert [each for each in found.asked if not each.right] == []


def test_whoever_is_served_twice_while_another_waits_has_overtaken() -> None:
    clients = [nobody("a"), nobody("b")]
    fair = [Asked("b", "?", "!", True, 0.1, 1.0), Asked("b", "?", "!", True, 1.1, 3.0)]
    waits = Asked("a", "?", "!", True, 0.0, 2.0)
    assert overtaken([*fair, waits], clients) == [0, 0, 0]
    unfair = [Asked("b", "?", "!", True, 0.1, 1.0), Asked("b", "?", "!", True, 1.1, 1.9)]
    assert overtaken([*unfair, waits], clients) == [0, 0, 1]


def test_a_servers_user_may_be_overtaken_once_for_each_of_its_users_and_no_more_often() -> None:
    clients = [nobody("chat"), *(nobody(name, through="server") for name in ("anna", "ben"))]
    waits = Asked("anna", "?", "!", True, 0.0, 9.0)
    quick = [Asked("chat", "?", "!", True, start + 0.1, start + 0.9) for start in range(3)]
    assert overtaken([*quick[:2], waits], clients) == [0, 0, 0]
    assert overtaken([*quick, waits], clients) == [0, 0, 0, 1]
    assert overtaken([replace(each, client="ben") for each in quick[:2]] + [waits], clients) == [0, 0, 1]


def test_a_client_of_the_daemon_may_not_be_overtaken_twice_by_a_servers_user() -> None:
    clients = [nobody("chat"), *(nobody(name, through="server") for name in ("anna", "ben"))]
    quick = [Asked("anna", "?", "!", True, start + 0.1, start + 0.9) for start in range(2)]
    assert overtaken([*quick, Asked("chat", "?", "!", True, 0.0, 9.0)], clients) == [0, 0, 1]


def test_a_wait_is_measured_by_the_rounds_that_are_fair() -> None:
    clients = [nobody("chat"), *(nobody(name, through="server") for name in ("anna", "ben"))]
    paced = [Asked("chat", "?", "!", True, at, at + 1.0) for at in (0.0, 1.0, 2.0)]
    assert longest_wait_over_fair([*paced, Asked("anna", "?", "!", True, 0.0, 4.0)], clients) == 4 / (3 * 2)
    assert longest_wait_over_fair([*paced, Asked("chat", "?", "!", True, 0.0, 4.0)], clients) == 4 / 3


def nobody(name: str, through: str | None = None) -> Client:
    """A client whose door nobody opens."""
    return Client(name, nullcontext, through)  # type: ignore[arg-type]


def test_told_to_end_it_ends_and_leaves_a_free_home_and_a_log(kept: KeptDaemon) -> None:
    assert kept.stop() == 0
    assert not mark_path(kept.home).exists()
    events = [json.loads(line)["event"] for line in log_path(kept.home).read_text().splitlines()]
    assert (events[0], events[-1]) == ("ready", "stopping")
    assert log_path(kept.home).stat().st_mode & 0o777 == 0o600
    with Journal(kept.home / "journal.db"):
        pass


def test_a_second_daemon_is_refused(kept: KeptDaemon) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    second = subprocess.run(
        [sys.executable, str(PROGRAM), str(kept.home)], env=environment, capture_output=True, text=True
    )
    assert "has a daemon already" in second.stderr
