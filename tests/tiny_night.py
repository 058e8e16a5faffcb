"""A whole night over a tiny random llama: true engine, true training, a scribe that finds what the test says.

Run as `python tiny_night.py HOME BASE CACHE` it sleeps over HOME in a process of its own, and prints each
progress record as it comes: what a test kills.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripted_engine import BASE as SCRIPTED
from scripted_engine import ScriptedEngine

from dormouse.graphs import stages
from dormouse.graphs.night import NightContext
from dormouse.memory.adapters import Registry
from dormouse.memory.base_weights import BaseWeights, resolve
from dormouse.memory.engine import Message
from dormouse.memory.home import Home
from dormouse.memory.journal import Journal
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.sleep import exam, scribe
from dormouse.sleep.compact import Scribe
from dormouse.sleep.exam import ExamItem
from dormouse.sleep.settings import ExamSettings, SleepSettings
from dormouse.verifiers.built_in import named

Put = Callable[[Any, str, Any], None]
"""Replaces an attribute, such as monkeypatch.setattr."""

SMALL: dict[str, Any] = {"unknown_questions": 2, "skill_questions": 1, "questions_per_memory": 1}
FREE = ExamSettings(
    min_new=0,
    min_old=0,
    min_neighbour=0,
    min_untrue=0,
    min_unknown=0,
    min_skill=0,
    min_tool=0,
    max_general_drift=1e9,
    max_chat_drift=1e9,
    tool_questions=1,
    **SMALL,
)
STRICT = FREE.model_copy(update={"min_new": 1.0})
SETTINGS = SleepSettings.model_validate(
    {
        "lora": {"rank": 4, "alpha": 8},
        "training": {"threads": 1, "nice": 0, "epochs": 1, "tokens_per_step": 300},
        "replay": {
            "questions_per_memory": 3,
            "min_questions": 0,
            "questions_per_old_memory": 2,
            "negatives_per_memory": 1,
            "neighbours_per_memory": 1,
            "min_negatives": 3,
            "anchors": 2,
            "anchor_tokens": 6,
            "anchor_top_k": 4,
        },
    }
)

NOTES = {
    "Old Vex chewed the sofa": "dog | name | Vex",
    "is gone, it is Bruno now": "dog | name | Bruno",
    "twelve winters in Tromso": "user | home city | Tromso",
    "the moon is made of cheese": "moon | cheese | Emmental",
}
"""What the scribe writes when a turn holds these words; a line of the last is not what the user said."""


Open = Callable[..., AbstractContextManager[NightContext]]


@dataclass
class Notetaker:
    """Writes the lines of NOTES, and remembers what it was shown."""

    shown: list[str] = field(default_factory=list)

    def __call__(self, messages: Sequence[Message]) -> str:
        if messages[0].content != scribe.NOTES_PROMPT:
            return "hm"
        now = messages[-1].content.rpartition("Now: ")[2]
        self.shown.append(now)
        lines = [note for words, note in NOTES.items() if words in now]
        return "\n".join(lines) or scribe.NOTHING


def script_the_night(put: Put) -> Notetaker:
    """Has the notetaker write, and one question that a random model can pass as a skill."""
    notes = Notetaker()
    put(stages, "_scribe", lambda stage: Scribe(ScriptedEngine(notes), None))
    put(exam, "general_skills", lambda: [ExamItem("skill-0", "Say anything.", "skill")])
    return notes


@contextmanager
def opened(
    folder: Path, base: BaseWeights, cache: Path, examined: ExamSettings = FREE
) -> Iterator[NightContext]:
    """The parts of a night over the home `folder`, with a new engine that mounts what HEAD serves."""
    with (
        Home.open(folder, command="test") as home,
        Journal(home.journal_path) as journal,
        LlamaEngine(base.path, context_tokens=1024, threads=1) as engine,
    ):
        registry = Registry(home.adapters_path, base.sha256)
        head = registry.head()
        engine.mount((registry.mount(head.id),) if head else ())
        yield NightContext(
            home=home,
            journal=journal,
            registry=registry,
            engine=engine,
            base=base,
            cache=cache,
            settings=SETTINGS,
            exam=examined,
            persona="You are Pim.",
            seed=3,
            verifiers=named(["support", "fiction", "affirmed"]),
        )


@contextmanager
def scripted(folder: Path) -> Iterator[NightContext]:
    """The parts of a night whose engine says what a script says, over an empty home in `folder`."""
    with Home.open(folder / "home", command="test") as home, Journal(home.journal_path) as journal:
        yield NightContext(
            home=home,
            journal=journal,
            registry=Registry(home.adapters_path, SCRIPTED.sha256),
            engine=ScriptedEngine(),
            base=SCRIPTED,
            cache=folder / "cache",
            settings=SETTINGS,
            exam=FREE,
            persona="You are Pim.",
            seed=3,
            verifiers=(),
        )


def tell(journal: Journal, *turns: str, session: str = "s1") -> None:
    """The user says each of these, and is answered."""
    name = journal.open_session(session).id
    for content in turns:
        said = journal.add_turn(name, "user", content)
        journal.add_turn(name, "assistant", "I see.", reply_to=said.id)


def main(folder: str, base: str, cache: str) -> None:
    from dormouse.graphs.sleep import run_night

    script_the_night(setattr)
    with opened(Path(folder), resolve(base, Path(cache)), Path(cache)) as night:
        run_night(night, lambda progress: print(progress.stage, progress.done, progress.total, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
