"""The slash commands: their names, what they take, and which of them a few letters mean.

Knows nothing of what they do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command. `takes` names its argument, "" when it has none; with a ? it may be left out."""

    name: str
    takes: str
    help: str


COMMANDS = (
    Command("new", "", "begin a new session, with an empty context"),
    Command("sessions", "", "list the sessions, to go on with one"),
    Command("search", "TEXT?", "find what was said, in any session"),
    Command("rename", "TITLE?", "give this session a title"),
    Command("retry", "", "take the last answer back, and ask for another"),
    Command("edit", "", "say your last turn differently"),
    Command("stop", "", "stop the answer"),
    Command("copy", "code?", "copy the last answer, or its code alone"),
    Command("why", "TEXT?", "where an answer comes from; the last one by default"),
    Command("memory", "", "look at what it has learnt"),
    Command("night", "", "look at its nights"),
    Command("sleep", "", "put it to sleep now; it answers meanwhile"),
    Command("forget", "TEXT", "forget everything that holds these words"),
    Command("tiers", "", "show or hide the panel of the tiers"),
    Command("theme", "NAME?", "how it looks: dusk, dawn, plain"),
    Command("alarms", "", "what should be looked after"),
    Command("help", "", "the commands and the keys"),
    Command("quit", "", "leave"),
)
BY_NAME = {command.name: command for command in COMMANDS}


def matching(typed: str) -> list[Command]:
    """The commands that a prompt's text may be the beginning of; none once it has an argument."""
    if not typed.startswith("/") or typed.startswith("//") or any(c.isspace() for c in typed):
        return []
    wanted = typed[1:].lower()
    return [command for command in COMMANDS if command.name.startswith(wanted)]


def parsed(text: str) -> tuple[str, str] | None:
    """The command's name as typed and its argument; None for what is said, `//` standing for a slash."""
    if not text.startswith("/") or text.startswith("//"):
        return None
    name, _, argument = text[1:].partition(" ")
    return name.lower(), argument.strip()


def said(text: str) -> str:
    """What is said by a text that is no command."""
    return text.removeprefix("/") if text.startswith("//") else text
