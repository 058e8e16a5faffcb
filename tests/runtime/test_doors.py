"""One home, many doors: what is called through one is what is called directly, and no one else gets in."""

from __future__ import annotations

import asyncio
import errno
import inspect
import json
import os
import shutil
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door_house import House
from hashed_embedder import HashedEmbedder
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.errors import BadInput, HomeLocked, UnknownRecord
from dormouse.runtime.agent import Agent
from dormouse.runtime.doors import client, server
from dormouse.runtime.doors.attached import AttachedAgent
from dormouse.runtime.doors.client import mark_path
from dormouse.runtime.doors.methods import REMOTE
from dormouse.runtime.doors.server import DoorServer
from dormouse.runtime.doors.wire import VERSION, at_address, socket_path
from dormouse.runtime.errors import AgentClosed, BadTurn, DoorClosed, DoorError
from dormouse.runtime.scopes import Scopes
from dormouse.runtime.spec import Spec
from dormouse.sleep.errors import NightFailed
from dormouse.sleep.records import NightReport, Progress
from dormouse.tui.cli import app


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "home")
    yield made
    made.close()


def test_an_agent_of_a_home_with_a_daemon_is_the_daemons(house: House) -> None:
    with Agent(home=house.home) as agent:
        assert isinstance(agent, AttachedAgent)
        reply = agent.chat("hello there")
        assert (reply.text, reply.sources, reply.interrupted) == ("You said: hello there", (), False)
        assert list(agent.stream("more")) == ["You", " said:", " more"]
        assert agent.ask("what?", tiers="weights").answer == "You said: what?"
        assert [turn.content for turn in agent.turns(reply.session)] == [
            "hello there",
            "You said: hello there",
            "more",
            "You said: more",
        ]
        assert [session.id for session in agent.sessions()] == [reply.session]
        assert agent.memories() == []
        assert agent.tell([{"session": "told", "content": "one"}]).replies[0].session == "told"
        assert agent.exam([{"id": "a", "question": "?", "kind": "unknown"}]).items[0].passed is False
        assert agent.warnings == ()
    assert house.agent.turns(reply.session)[0].content == "hello there"


def test_a_far_night_is_told_as_it_goes_and_reported_whole(house: House) -> None:
    seen: list[Progress] = []
    with Agent(home=house.home) as agent:
        report = agent.sleep(seen.append)
    assert seen == [Progress("exam", 1, 2, "half")]
    assert report == NightReport("nothing-new", None, [], [], None, {"exam": 1.0}, 0.0, "n0001")


def test_errors_come_back_as_what_they_were(house: House) -> None:
    with Agent(home=house.home) as agent:
        with pytest.raises(BadTurn, match="empty"):
            agent.chat(" ")
        with pytest.raises(UnknownRecord, match="nowhere"):
            agent.turns("nowhere")
        house.agent.spec = Spec(name="sleepless")
        with pytest.raises(NightFailed, match="failed at exam") as caught:
            agent.sleep()
        assert caught.value.exit_code == 1
        assert agent.chat("still here").text == "You said: still here"


def test_each_client_has_a_session_of_its_own(house: House) -> None:
    with Agent(home=house.home) as one, Agent(home=house.home) as two:
        first, second = one.chat("one"), two.chat("two")
        assert first.session != second.session
        assert one.chat("again").session == first.session
        assert one.chat("there", second.session).session == second.session
        assert two.new_session(first.session) == first.session


def test_a_server_beside_a_daemon_has_every_users_turns_answered_there(house: House) -> None:
    house.open_to_guests()
    with Scopes(Spec(), house.home, owner="owner", command="test", base=BASE) as scopes:
        with scopes.using("owner") as owner, scopes.using("ann") as ann:
            assert isinstance(owner, AttachedAgent)
            assert isinstance(ann, AttachedAgent)
            hers = ann.chat("I am Ann")
            assert hers.text == "You said: I am Ann"
            assert ann.home.path == house.home / "users" / "ann"
            assert owner.chat("hello there").text == "You said: hello there"
            assert [s.id for s in ann.sessions()] == [hers.session] != [s.id for s in owner.sessions()]
            assert ann.search("hello") == []
        with pytest.raises(BadInput), scopes.using("../owner"):
            pass
    assert house.guests is not None
    assert house.guests.in_use
    assert {turn.content for turn in house.agent.search("Ann")} == set()


def test_a_daemon_opens_no_other_users_agent_by_a_path_or_for_an_owner_alone(house: House) -> None:
    with pytest.raises(DoorError, match="no other user"):
        client.Connection(house.home, "test", "ann")
    house.open_to_guests()
    for name in ("../..", "a/b", ""):
        with pytest.raises(BadInput):
            client.Connection(house.home, "test", name)
    assert not list((house.home / "users").glob("*"))


def test_a_guest_of_many_is_answered_to_the_end_after_the_client_is_gone(house: House) -> None:
    house.open_to_guests(max_open=1)
    house.engine.before_token = lambda said: time.sleep(0.02)
    with AttachedAgent(home=house.home, user="ann", scope=house.home / "users" / "ann") as agent:
        session = agent.new_session()
    peer = socket.socket(socket.AF_UNIX)
    at_address(socket_path(house.home), peer.connect)
    for message in (
        {"dormouse": VERSION, "user": "ann"},
        {"id": 1, "call": "stream", "with": {"text": "a b c", "session": session}},
    ):
        peer.sendall(json.dumps(message).encode() + b"\n")
    deadline = time.monotonic() + 120
    with AttachedAgent(home=house.home, user="ann", scope=house.home / "users" / "ann") as agent:
        while not agent.turns(session) and time.monotonic() < deadline:
            time.sleep(0.01)
        peer.close()
    with AttachedAgent(home=house.home, user="ben", scope=house.home / "users" / "ben") as other:
        assert other.sessions() == []
    with AttachedAgent(home=house.home, user="ann", scope=house.home / "users" / "ann") as agent:
        while agent.turns(session)[-1].content != "You said: a b c" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [turn.state for turn in agent.turns(session)] == ["complete", "complete"]


def test_coroutines_go_through_the_door_too(house: House) -> None:
    async def talk() -> str:
        with Agent(home=house.home) as agent:
            return (await agent.aio.ask("hm")).answer

    assert asyncio.run(talk()) == "You said: hm"


def test_closing_a_stream_stops_the_answer_at_the_other_end(house: House) -> None:
    house.engine.script = lambda messages: "go on " * 1500
    house.engine.before_token = lambda said: time.sleep(0.005)
    with Agent(home=house.home) as agent:
        stream = agent.stream("hello")
        next(stream)
        stream.close()
        assert stream.reply.interrupted
        assert 0 < len(stream.reply.text.split()) < 2900
        assert house.agent.turns(stream.reply.session)[1].state == "interrupted"


def test_a_client_that_vanishes_is_answered_all_the_same(house: House) -> None:
    house.engine.before_token = lambda said: time.sleep(0.02)
    peer = socket.socket(socket.AF_UNIX)
    at_address(socket_path(house.home), peer.connect)
    session = house.agent.new_session()
    for message in (
        {"dormouse": VERSION},
        {"id": 1, "call": "stream", "with": {"text": "a b c", "session": session}},
    ):
        peer.sendall(json.dumps(message).encode() + b"\n")
    while not house.agent.turns(session):
        time.sleep(0.01)
    peer.close()
    deadline = time.monotonic() + 120
    while len(house.agent.turns(session)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    while house.agent.turns(session)[-1].state == "pending" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert house.agent.turns(session)[-1].content == "You said: a b c"


def test_every_public_method_of_an_agent_goes_through_the_door() -> None:
    built_on_others = {"chat", "tell", "exam", "load"}
    own = {"stream", "resume", "close", "new_session", "daemon"}
    local = {"unload"}  # for who looks after an agent in its own process
    offered = {name: value for part in reversed(Agent.__mro__) for name, value in vars(part).items()}
    public = {name for name, value in offered.items() if inspect.isroutine(value) and name[0] != "_"}
    public |= {name for name, value in vars(Agent).items() if isinstance(value, classmethod)}
    assert public == set(REMOTE) | built_on_others | own | local
    assert set(REMOTE) - {"new_session"} <= set(vars(AttachedAgent))


def test_what_is_seen_of_a_home_is_the_same_through_the_door(house: House) -> None:
    far, near = Agent(home=house.home), house.agent
    session = far.new_session()
    far.chat("My dog is called Rex.", session)
    assert far.overview() == near.overview() and far.overview().turns == 2
    assert far.session_views() == near.session_views() != []
    assert far.transcript(session) == near.transcript(session) != []
    assert far.unread() == near.unread() != []
    assert far.search("dog") == near.search("dog") != []
    assert far.turns_by_id([1]) == near.turns_by_id([1]) != []
    assert far.nights() == near.nights()
    assert far.memory_views() == near.memory_views()
    assert far.adapter() is None
    far.warm_up()
    assert far.context(session) == near.context(session) is not None
    far.rename_session(session, "The dog")
    assert near.session_views()[0].title == "The dog"
    assert far.take_back(session) == "My dog is called Rex."
    with far.stream("My dog is called Max.", session, variation=1) as pieces:
        assert "".join(pieces) == "You said: My dog is called Max."
    assert house.engine.asked[-1].sampling.seed == 1
    assert len(far.transcript(session, withdrawn=True)) == 4 and len(near.transcript(session)) == 2
    far.close()


# --- who is let in ----------------------------------------------------------------------


def test_the_door_is_the_users_alone(house: House) -> None:
    path = socket_path(house.home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(house.home.stat().st_mode) == 0o700


def test_another_users_process_is_hung_up_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "peer_uid", lambda peer: os.getuid() + 1)
    with pytest.raises(HomeLocked):  # no daemon answers it, and the home is not free
        mark_path(house.home).unlink()
        Agent(home=house.home)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_cannot_open_the_door_even_if_the_folder_were_open() -> None:
    """Tried, as another user: the modes stop it, and with the modes taken away the peer's uid does."""
    place = Path(tempfile.mkdtemp())  # pytest's own folder lets no other user in
    place.chmod(0o755)
    house = House(place / "home")
    try:
        path = socket_path(house.home)
        assert as_nobody(path) == "PermissionError"
        for folder in (path.parent, house.home):
            folder.chmod(0o755)
        path.chmod(0o666)
        assert as_nobody(path) == "hung up"
    finally:
        house.close()
        shutil.rmtree(place)


def as_nobody(path: Path) -> str:
    """What becomes of a hello that another user sends."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(str(path))
                peer.sendall(b'{"dormouse": 3}\n')
                told = peer.recv(100) or b"hung up"
        except ConnectionError:
            told = b"hung up"
        except OSError as error:
            told = type(error).__name__.encode()
        os.write(writer, told)
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(writer)
    with os.fdopen(reader) as words:
        return words.read()


def test_a_door_in_a_folder_others_may_enter_is_not_trusted(house: House) -> None:
    socket_path(house.home).parent.chmod(0o755)
    with pytest.raises(DoorError, match="other users"):
        Agent(home=house.home)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"nonsense\n", "not a JSON object"),
        (b"[1]\n", "not a JSON object"),
        (b'{"dormouse": 99}\n', f"version {VERSION}"),
        (b'{"dormouse": 3}\n{"call": "ask"}\n', "needs an id"),
        (b'{"dormouse": 3}\n{"id": 1, "call": "close"}\n', "no call 'close'"),
        (b'{"dormouse": 3}\n{"id": 1, "call": "ask", "with": {"text": 3}}\n', "does not fit"),
        (b'{"dormouse": 3}\n{"id": 1, "call": "ask", "with": {"why": 3}}\n', "no argument 'why'"),
        (b'{"dormouse": 3}\n{"id": 1, "call": "stream", "with": {}}\n', "a text and a session"),
    ],
)
def test_nonsense_is_answered_by_a_sentence(house: House, said: bytes, told: str) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        at_address(socket_path(house.home), peer.connect)
        peer.settimeout(120)
        peer.sendall(said)
        heard = b""
        while b'"error"' not in heard:
            heard += peer.recv(1 << 16)
    assert told in json.loads(heard.splitlines()[-1])["error"]["text"]


def test_a_home_with_a_long_path_has_a_door_too(tmp_path: Path) -> None:
    house = House(tmp_path / ("long" * 30) / "home")
    try:
        with Agent(home=house.home) as agent:
            assert agent.ask("x").answer == "You said: x"
    finally:
        house.close()


# --- crashes ----------------------------------------------------------------------------


def test_a_client_attaches_again_and_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with Agent(home=house.home) as agent:
        session = agent.chat("before").session
        house.crash()
        monkeypatch.setattr(os, "getpid", lambda: 4242)
        threading.Timer(0.3, house.open).start()
        assert agent.chat("after").session == session
        assert any("restarted" in sentence and "4242" in sentence for sentence in agent.warnings)


def test_a_turn_cut_short_by_a_crash_is_kept_and_said_to_be(house: House) -> None:
    spoken, crashing = threading.Event(), house.agent

    def slow(said: int) -> None:
        if said == 2:
            spoken.set()
        while said == 2 and not all(stream._cancel.is_set() for stream in crashing._streams):
            time.sleep(0.01)

    house.engine.before_token = slow
    with Agent(home=house.home) as agent:
        stream = agent.stream("one two three four")
        assert spoken.wait(120)
        house.crash()
        house.open()
        reply = stream.reply
        assert reply.interrupted
        assert agent.turns(reply.session)[0].content == "one two three four"


def test_a_turn_the_daemon_never_heard_is_said_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with Agent(home=house.home) as agent:
        session = agent.new_session()
        deaf = client.Connection.call
        lost = iter([True])

        def lose(self: client.Connection, name: str, *rest: Any, **more: Any) -> Any:
            if name == "stream" and next(lost, False):
                self.close()
                raise DoorClosed
            return deaf(self, name, *rest, **more)

        monkeypatch.setattr(client.Connection, "call", lose)
        assert agent.chat("hello", session).text == "You said: hello"
        assert [turn.content for turn in agent.turns(session)] == ["hello", "You said: hello"]


def test_a_daemon_that_stays_away_is_an_error(house: House) -> None:
    agent = AttachedAgent(home=house.home, returns_s=0.2)
    house.close()
    with pytest.raises(DoorClosed, match="has stopped"):
        agent.chat("hello")
    agent.close()
    with pytest.raises(AgentClosed):
        agent.chat("hello")
    with Agent(home=house.home, engine=ScriptedEngine(), base=BASE) as embedded:
        assert not isinstance(embedded, AttachedAgent)


def test_another_spec_than_the_daemons_is_noticed(house: House) -> None:
    with Agent(Spec(name="other"), home=house.home) as agent:
        assert agent.spec.name == "dormouse"
        assert "another spec" in agent.warnings[0]


# --- who is counted, and what is not fetched -----------------------------------------------


def test_a_client_is_counted_once_however_many_connections_it_has(house: House) -> None:
    with Agent(home=house.home) as one, Agent(home=house.home) as two:
        assert isinstance(one, AttachedAgent)
        with one._connection() as first, one._connection() as second:
            first.call("overview", {})
            second.call("overview", {})
            two.overview()
            assert house.door.clients == 2
        asker = client.Connection(house.home, "dormouse status")
        assert asker.call("status", {})["clients"] == 2
        asker.call("overview", {})
        assert house.door.clients == 3  # a program in another language, say, that has named itself to nobody
        asker.close()


def test_a_door_without_a_descriptor_to_spare_waits_before_it_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Full(threading.Event):
        """Nobody waits for true: the third wait finds the door closed."""

        def __init__(self) -> None:
            super().__init__()
            self.waited: list[float | None] = []

        def wait(self, timeout: float | None = None) -> bool:
            self.waited.append(timeout)
            return len(self.waited) == 3

    class Listener:
        tries = 0

        def accept(self) -> Any:
            self.tries += 1
            raise OSError(errno.EMFILE, "Too many open files")

    door, listener, closed = DoorServer.__new__(DoorServer), Listener(), Full()
    monkeypatch.setattr(door, "_listener", listener, raising=False)
    monkeypatch.setattr(door, "_closed", closed, raising=False)
    door._accept()
    assert listener.tries == 3
    assert closed.waited == [server._AGAIN_S] * 3


def test_a_turn_fetches_nothing_of_what_was_said_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Agent(home=house.home) as agent:
        session = agent.new_session()
        calls, real = list[str](), client.Connection.call

        def noted(self: client.Connection, name: str, *rest: Any, **more: Any) -> Any:
            calls.append(name)
            return real(self, name, *rest, **more)

        monkeypatch.setattr(client.Connection, "call", noted)
        agent.chat("hello", session)
        assert calls == ["new_session", "stream"]


# --- the store ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["store", "status"], ["store", "reindex"], ["store", "compact"]])
def test_the_store_is_looked_after_beside_a_daemon(
    house: House, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    house.agent.space.embedder = HashedEmbedder
    house.agent.remember("My boat is called Zorbal.")
    printed = commanded([*command, "--json", "--home", str(house.home)], capsys)
    assert printed["bytes"] > 0
    assert printed.get("episodes", 1) == 1


def test_what_was_forgotten_is_allowed_again_beside_a_daemon(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.agent.remember("My dog is Rexington.")
    stone = house.agent.forget(matching="Rexington").forgotten[0]["memory"]
    printed = commanded(["unforget", stone, "--json", "--home", str(house.home)], capsys)
    assert printed["id"] == stone
    assert house.agent.space.journal.tombstones()[0].lifted_at is not None


def commanded(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    with pytest.raises(SystemExit) as ended:
        app(arguments)
    out, err = capsys.readouterr()
    assert ended.value.code in (0, None), err
    return json.loads(out)
