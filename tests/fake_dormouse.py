"""Stands in for the command line in tests of `bench crash`: a real journal and registry, a night of naps.

What goes wrong is chosen by FAKE_FAULT, so that a test sees the bench notice it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from adapter_builds import BASE, build_folder, exam_of, unsaved

from dormouse.memory.adapters import Registry
from dormouse.memory.journal import Journal, Memory, memory_id

NAP_S = float(os.environ.get("FAKE_NAP_S", "0.1"))
FAULT = os.environ.get("FAKE_FAULT", "")


def tell(home: Path, file: str) -> dict[str, object]:
    home.mkdir(parents=True, exist_ok=True)
    with Journal(home / "journal.db") as journal:
        for line in Path(file).read_text().splitlines():
            row = json.loads(line)
            journal.open_session(row["session"])
            journal.add_turn(row["session"], "user", row["content"])
    return {}


def sleep(home: Path) -> dict[str, object]:
    registry = Registry(home / "adapters", BASE)
    with Journal(home / "journal.db") as journal:
        if not journal.unharvested() and not journal.running_night():
            return {"status": "nothing-new", "seconds": {}}
        night = journal.running_night() or journal.begin_night(0)
        time.sleep(NAP_S)
        turns = journal.unharvested()
        memories = [remembered(turn.content, turn.id, night.id) for turn in turns]
        journal.put_memories(memories)
        time.sleep(NAP_S)
        build = home / f"build-{os.getpid()}"
        id = registry.add(build_folder(build, night.id), unsaved()).id
        registry.record_exam(id, exam_of(id))
        time.sleep(NAP_S)
        registry.publish(id)
        journal.mark_harvested([turn.id for turn in turns], night.id)
        journal.publish_night(night.id, id, {}, [memory.id for memory in memories], {})
    return {"status": "published", "seconds": {"compact": NAP_S, "consolidate": NAP_S, "exam": NAP_S}}


def ask(home: Path) -> dict[str, object]:
    head = Registry(home / "adapters", BASE).head()
    if FAULT == "lose-turn":
        with sqlite3.connect(home / "journal.db") as database:
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute("DELETE FROM turns WHERE id = (SELECT min(id) FROM turns)")
    return {"adapter": "another" if FAULT == "other-adapter" else head.id if head else None}


def remembered(text: str, turn: int, night: str) -> Memory:
    id, now = memory_id("user", "word", text, [turn]), datetime.now(UTC)
    return Memory(id, "user", "word", text, text, f"{text}.", (turn,), now, night_id=night)


def main(arguments: list[str]) -> int:
    home = Path(arguments[arguments.index("--home") + 1])
    if arguments[0] == "sleep" and FAULT == "no-second-sleep" and (home / "journal.db").exists():
        with Journal(home / "journal.db", read_only=True) as journal:
            if journal.running_night():
                print("the night cannot be finished", file=sys.stderr)
                return 1
    commands = {
        "tell": lambda: tell(home, arguments[1]),
        "sleep": lambda: sleep(home),
        "ask": lambda: ask(home),
    }
    print(json.dumps(commands[arguments[0]]()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
