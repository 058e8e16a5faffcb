"""The owner's end of a door: lets its own user's clients in, and calls the agent for each of them.

Promise: nobody else can open it (folder 0700, socket 0600, the peer's uid checked); a client that vanishes
disturbs nobody, and what it said is answered and journaled to its end. Knows the messages; nothing of how an
agent answers.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ...graphs.events import Said
from ...memory.errors import DormouseError
from ..agent import Agent
from ..errors import DoorError
from ..turns import ReplyStream
from .methods import CANCELLED, ONCE, REMOTE, shape
from .wire import VERSION, Line, at_address, packed_error, peer_uid, socket_path

_WAITING = 64
_AGAIN_S = 0.2

Call = Callable[[Agent], Any]
Guests = Callable[[str], AbstractContextManager[Agent]]
"""A user's name -> their agent, open for as long as the context is."""


class DoorServer:
    """Listens from the moment it is made until `close`. `more` are calls beside the agent's, given the agent
    of who calls; `guests` opens the agents of the home's other users, for clients that call for one.

    Raises OSError when the socket cannot be made.
    """

    def __init__(
        self, agent: Agent, home: Path, more: Mapping[str, Call] | None = None, guests: Guests | None = None
    ) -> None:
        self._agent, self._more, self._guests = agent, dict(more or {}), guests
        self._path = socket_path(home)
        self._listener = _listening(self._path)
        self._clients: dict[Line, _Client] = {}
        self._changing = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._accept, name="dormouse-door", daemon=True).start()

    @property
    def clients(self) -> int:
        """How many agents have connections, be it one or many; who only asks how the daemon is is none."""
        with self._changing:
            return len({client.of for client in self._clients.values()} - {None})

    def close(self) -> None:
        """Let nobody in any more, and hang up. Safe to call twice."""
        with self._changing:
            self._closed.set()
            lines = list(self._clients)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with suppress(OSError):
            self._path.unlink()
        for line in lines:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:  # closed, a client that was gone before it was let in, or no descriptor to be had
                if self._closed.wait(_AGAIN_S):
                    return
                continue
            line = Line(peer)
            client = _Client(self._agent, line, self._more, self._guests, self._forget)
            with self._changing:
                refused = self._closed.is_set() or peer_uid(peer) != os.getuid()
                if not refused:
                    self._clients[line] = client
            if refused:
                line.close()
                continue
            threading.Thread(target=client.serve, name="dormouse-client", daemon=True).start()

    def _forget(self, line: Line) -> None:
        with self._changing:
            self._clients.pop(line, None)
        line.close()


class _Client:
    """One connection: its calls run one after the other, and can be stopped meanwhile.

    `of` names the client that it is one of the connections of; None until that has anything of an agent.
    """

    def __init__(
        self,
        agent: Agent,
        line: Line,
        more: Mapping[str, Call],
        guests: Guests | None,
        gone: Callable[[Line], None],
    ) -> None:
        self._agent, self._line, self._more, self._gone = agent, line, more, gone
        self.of: str | None = None
        self._guests, self._staying = guests, ExitStack()
        self._present: Callable[[], AbstractContextManager[object]] = nullcontext
        self._sending = threading.Lock()
        self._stream: tuple[int, ReplyStream] | None = None
        self._stopped: set[int] = set()
        self._changing = threading.Lock()

    def serve(self) -> None:
        try:
            if self._welcomed():
                while (message := self._line.receive()) is not None:
                    self._take(message)
        except DormouseError as error:
            self._send({"error": packed_error(error)})
        except OSError:
            pass  # the client is gone; what it asked for goes on to its end
        finally:
            self._gone(self._line)
            self._staying.close()

    def _welcomed(self) -> bool:
        hello = self._line.receive()
        if hello is None:
            return False
        if hello.get("dormouse") != VERSION:
            raise DoorError(
                f"it speaks version {VERSION} of its protocol, and this client {hello.get('dormouse')!r}; "
                "restart the daemon after an upgrade"
            )
        self.of = named if isinstance(named := hello.get("of"), str) else None
        if (user := hello.get("user")) is not None:
            self._agent = self._guest(user)
        spec = self._agent.spec.model_dump(mode="json")
        self._send({"dormouse": VERSION, "pid": os.getpid(), "spec": spec})
        return True

    def _guest(self, user: object) -> Agent:
        if self._guests is None or not isinstance(user, str):
            raise DoorError("no other user's agent is to be had here")
        self._present = partial(self._guests, user)
        return self._staying.enter_context(self._guests(user))

    def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if not isinstance(number, int):
            raise DoorError("a message needs an id, a whole number")
        if message.get("stop"):
            self._stop(number)
            return
        threading.Thread(
            target=self._answer, args=(number, message), name="dormouse-call", daemon=True
        ).start()

    def _stop(self, number: int) -> None:
        with self._changing:
            self._stopped.add(number)
            stream = self._stream
        if stream is not None and stream[0] == number:
            threading.Thread(target=stream[1].close, daemon=True).start()  # it waits for the turn's end

    def _answer(self, number: int, message: Mapping[str, Any]) -> None:
        try:
            with self._present():  # a guest's agent stays open to the end of what was asked, whoever is gone
                result = self._result(number, str(message.get("call")), message.get("with") or {})
        except DormouseError as error:
            self._send({"id": number, "error": packed_error(error)})
        except Exception as error:  # noqa: BLE001 (the client is told, whatever it is; a fault of one call ends no daemon)
            self._send({"id": number, "error": packed_error(error)})
        else:
            self._send({"id": number, "result": result})

    def _result(self, number: int, name: str, given: Mapping[str, Any]) -> Any:
        if name not in self._more:
            self.of = self.of or f"connection {id(self)}"
        if name in ("stream", "resume"):
            return self._streamed(number, self._begun(name, given))
        if name in self._more:
            return self._more[name](self._agent)
        return self._called(number, name, given)

    def _called(self, number: int, name: str, given: Mapping[str, Any]) -> Any:
        taken = shape(name)
        arguments = taken.arguments(given)
        for callback in taken.told:
            arguments[callback] = self._teller(number, callback)
        if CANCELLED in taken.signature.parameters:
            arguments[CANCELLED] = lambda: number in self._stopped
        bound = taken.signature.bind_partial(self._agent)
        bound.arguments.update({n: tuple(v) if n in taken.starred else v for n, v in arguments.items()})
        method = getattr(self._agent, REMOTE[name].__name__)
        return method(*bound.args[1:], **bound.kwargs)

    def _teller(self, number: int, callback: str) -> Callable[..., None]:
        return lambda *told: self._send({"id": number, callback: list(told)})

    def _begun(self, name: str, given: Mapping[str, Any]) -> ReplyStream:
        wait = bool(given.get("wait"))
        if name == "resume":
            id, approved = given.get("call_id"), given.get("approved")
            if not isinstance(id, int) or not isinstance(approved, bool):
                raise DoorError("to resume needs a call_id and approved, true or false")
            return self._agent.resume(id, approved, wait=wait)
        text, session, variation = given.get("text"), given.get("session"), given.get("variation", 0)
        if not isinstance(text, str) or not isinstance(session, str):
            raise DoorError("a turn needs a text and a session")
        if not isinstance(variation, int) or variation < 0:
            raise DoorError("a turn's variation is a number from 0 up")
        if not isinstance(once := given.get(ONCE), str | None):
            raise DoorError("a turn's idempotency key is a text")
        return self._agent.stream(text, session, wait=wait, variation=variation, once=once)

    def _streamed(self, number: int, stream: ReplyStream) -> Any:
        with self._changing:
            self._stream = number, stream
            stopped = number in self._stopped
        if stopped:
            stream.close()
        for event in stream.events():
            if isinstance(event, Said):
                self._send({"id": number, "piece": event.text})
            else:
                self._send({"id": number, "event": event})
        return stream.reply

    def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(OSError), self._sending:  # whoever is gone need not be told
            self._line.send(message)


def _listening(path: Path) -> socket.socket:
    """The socket, open to its user alone from its first moment: the folder is closed before it is made."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.parent.chmod(0o700)
    path.unlink(missing_ok=True)  # the home is owned by this process, so whoever left it is dead
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        at_address(path, listener.bind)
        path.chmod(0o600)
        listener.listen(_WAITING)
    except BaseException:
        listener.close()
        raise
    return listener
