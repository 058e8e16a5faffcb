"""A home in which something was told and learnt, without a night: for tests of how it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hashed_embedder import HashedEmbedder
from night_parts import a_memory
from scripted_engine import BASE, ScriptedEngine

from dormouse.memory.records import Memory
from dormouse.runtime.spec import Spec
from dormouse.runtime.workspace import Workspace


def opened(home: Path, *, read_only: bool = False) -> Workspace:
    """The home at `home`, with nothing to load."""
    space = Workspace(Spec(), home, command="test", base=BASE, engine=ScriptedEngine(), read_only=read_only)
    space.embedder = HashedEmbedder
    return space


def told(space: Workspace, *turns: str) -> list[int]:
    """The user says each of these; the ids of the turns."""
    session = space.journal.open_session().id
    ids = [space.journal.add_turn(session, "user", turn).id for turn in turns]
    space.episodes.catch_up()
    return ids


def learnt(space: Workspace, quote: str, subject: str, attribute: str, value: str, state: str) -> Memory:
    """A memory that rests on a turn with these words."""
    (turn,) = told(space, quote)
    memory = a_memory(subject, attribute, value, turn=turn, quote=quote, state=state)
    space.journal.put_memories([memory])
    return memory


def holding(folder: Path, word: str) -> Sequence[str]:
    """Files under `folder` whose bytes hold the word."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and word.lower().encode() in path.read_bytes().lower()
    )
