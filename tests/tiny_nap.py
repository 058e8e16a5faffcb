"""A nap over a tiny random llama, with a scribe that finds what the test says.

Run as `python tiny_nap.py HOME BASE CACHE SESSION` it naps on all of a session in a process of its own, and
prints each step as it begins: what a test kills.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tiny_night import FREE, SETTINGS, opened, script_the_night

from dormouse.graphs.leaving import Leaving
from dormouse.graphs.nap import Step, run_nap
from dormouse.graphs.night import NightContext
from dormouse.memory.base_weights import resolve
from dormouse.memory.records import Nap
from dormouse.sleep.harvest import harvest
from dormouse.sleep.settings import ExamSettings, NapExamSettings, NapReplaySettings, NapTrainingSettings


def nap_settings(exam: ExamSettings) -> NapTrainingSettings:
    """As small as the night's of `tiny_night`."""
    examined = {**exam.model_dump(), "max_general_drift": None, "max_chat_drift": None}
    return NapTrainingSettings(
        replay=NapReplaySettings(**SETTINGS.replay.model_dump()), exam=NapExamSettings(**examined)
    )


def napped(context: NightContext, session: str, step: Step = lambda name: None) -> Nap:
    """One pass over all that the user said in a session, written down as an agent does."""
    settings = context.settings
    small = replace(context, settings=settings.model_copy(update={"nap": nap_settings(FREE)}))
    turns = tuple(turn for turn in harvest(context.journal) if turn.session_id == session)
    found = Leaving(session, turns[-1].id, turns)
    return context.journal.record_nap(run_nap(small, found, 1, context.home.nap_path, step))


def main(folder: str, base: str, cache: str, session: str) -> None:
    script_the_night(setattr)
    with opened(Path(folder), resolve(base, Path(cache)), Path(cache)) as context:
        napped(context, session, lambda name: print(name, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
