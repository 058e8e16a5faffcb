"""What the parts of the application tell each other. Plain records; each is posted by one kind of part."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from ...graphs.events import Asked, WakeEvent
    from ...runtime.records import Reply


@dataclass
class Typed(Message):
    """The user sent what stood in the prompt."""

    text: str


@dataclass
class CommandGiven(Message):
    """The user gave a command, by a slash, a key, or the palette."""

    name: str
    argument: str = ""


@dataclass
class Happened(Message):
    """Something of the turn `turn` happened; the words said come another way."""

    turn: int
    event: WakeEvent


@dataclass
class Permission(Message):
    """The turn `turn` waits for a yes or a no."""

    turn: int
    asked: Asked
    answer: Future[bool]


@dataclass
class Ended(Message):
    """The turn `turn` has ended: with a reply, or with a sentence that says why not."""

    turn: int
    reply: Reply | None
    failure: str | None = None


@dataclass
class SessionChosen(Message):
    """The user wants to go on with a session."""

    session: str


@dataclass
class SourceOpened(Message):
    """The user wants to see a turn where it was said."""

    turn: int


@dataclass
class NightMoved(Message):
    """The night's log has something new."""


@dataclass
class Looked(Message):
    """The agent was looked at anew: what it holds stands in the app's `outlook`."""
