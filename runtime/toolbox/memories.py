"""`remember`, `recall` and `forget`: what is known, as tools.

Promise: what a model writes down by itself never trains: only a note whose very words the owner said yes to
counts as the owner's own. Nothing is
forgotten either but with that yes. Knows the journal; nothing of how it is searched or erased.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...graphs.abc import Approval, Tool, ToolFailed, Where
from ...graphs.context import Screen
from ...memory.errors import DormouseError
from ...memory.journal import Journal, Turn

NOTES = "notes"
"""The session that notes are kept in."""
_MOST = 8
Search = Callable[[str, int], Sequence[Turn]]
"""Finds the (at most so many) turns nearest to a text, the nearest first."""


class Remember(Tool):
    """Keeps a note in the journal."""

    name = "remember"
    description = "keeps a note for later"
    example: tuple[str, Mapping[str, Any]] | None = (
        "Make a note that the boiler was serviced in May.",
        {"note": "The boiler was serviced in May."},
    )
    approval: Approval = "always"
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"note": {"type": "string", "minLength": 1, "maxLength": 500}},
        "required": ["note"],
        "additionalProperties": False,
    }

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def call(self, arguments: Mapping[str, Any]) -> str:
        return self.call_in(arguments, Where())

    def call_in(self, arguments: Mapping[str, Any], where: Where) -> str:
        note = arguments["note"].strip()
        if not note:
            raise ToolFailed("the note is empty")
        try:
            self._journal.open_session(NOTES)
            self._journal.add_turn(NOTES, "user", note, trusted=where.approved)
        except DormouseError as error:
            raise ToolFailed(str(error).rstrip(".")) from error
        if where.approved:
            return "Noted."
        return "Noted, but without its owner's yes it is neither learnt nor looked up."


class Recall(Tool):
    """Looks up what was said before."""

    name = "recall"
    description = "looks up what the user said before"
    example: tuple[str, Mapping[str, Any]] | None = (
        "What did I tell you about the boiler?",
        {"query": "boiler"},
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"query": {"type": "string", "minLength": 1, "maxLength": 200}},
        "required": ["query"],
        "additionalProperties": False,
    }

    def __init__(self, search: Search, screen: Callable[[], Screen]) -> None:
        self._search, self._screen = search, screen

    def call(self, arguments: Mapping[str, Any]) -> str:
        return self.call_in(arguments, Where())

    def call_in(self, arguments: Mapping[str, Any], where: Where) -> str:
        try:
            found = self._search(arguments["query"], _MOST + 1)
        except DormouseError as error:
            raise ToolFailed(str(error).rstrip(".")) from error
        lines, screened = [], self._screen()
        for turn in [turn for turn in found if turn.id != where.turn_id][:_MOST]:
            words = " ".join(screened(turn.content).split())
            lines += [f"{turn.created_at:%Y-%m-%d}: {words}"] if words else []
        return "\n".join(lines) or "Nothing was found."


class Forget(Tool):
    """Has everything removed that holds some words. `forget` does it, and says how many memories it was."""

    name = "forget"
    description = "removes for good what is known about something"
    example: tuple[str, Mapping[str, Any]] | None = (
        "Forget everything about the boiler.",
        {"matching": "boiler"},
    )
    approval: Approval = "always"
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"matching": {"type": "string", "minLength": 3, "maxLength": 200}},
        "required": ["matching"],
        "additionalProperties": False,
    }

    def __init__(self, forget: Callable[[str], int]) -> None:
        self._forget = forget

    def call(self, arguments: Mapping[str, Any]) -> str:
        return self.call_in(arguments, Where())

    def call_in(self, arguments: Mapping[str, Any], where: Where) -> str:
        if not where.approved:
            raise ToolFailed("nothing is forgotten without its owner's yes")
        try:
            count = self._forget(arguments["matching"])
        except DormouseError as error:
            raise ToolFailed(str(error).rstrip(".")) from error
        return f"Forgotten: {count} memories. The weights are made anew by the next night."
