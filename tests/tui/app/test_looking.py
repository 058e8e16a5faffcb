"""What a chat asks of its agent by itself, now and then: no more than it needs, and to the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import cast

import pytest
from staged_agent import StagedAgent
from staged_records import TURNS, night_records, night_report

from dormouse.runtime.records import TurnView
from dormouse.sleep.records import NightReport, Progress
from dormouse.tui.app import following
from dormouse.tui.app.abc import Companion
from dormouse.tui.app.following import Follower
from dormouse.tui.app.outlook import look


class Counted(StagedAgent):
    """Counts how often a whole session is asked for."""

    transcripts = 0

    def transcript(self, session: str, *, withdrawn: bool = False) -> list[TurnView]:
        self.transcripts += 1
        return super().transcript(session, withdrawn=withdrawn)


def test_a_look_fetches_a_session_again_only_when_its_context_has_changed() -> None:
    agent, session = Counted(), next(iter(TURNS))
    first = look(agent, session)
    assert first.leaving is not None
    assert look(agent, session, first) == first
    assert agent.transcripts == 1
    with agent.stream("more", session) as pieces:
        for _ in pieces:
            pass
    assert look(agent, session, first).context != first.context
    assert agent.transcripts == 2


def test_a_follower_goes_on_whatever_a_look_at_the_night_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty:
        """Raises what no agent promises, and then has a night to tell of."""

        looks = 0

        def watch_night(self, progress: Callable[[Progress], None]) -> NightReport | None:
            self.looks += 1
            if self.looks == 1:
                raise ValueError("not a sentence")
            if self.looks == 2:
                progress(next(night_records()))
                return night_report()
            return None

    monkeypatch.setattr(following, "_LOOK_EVERY_S", 0.01)
    over = threading.Event()
    follower = Follower(cast(Companion, Faulty()), lambda: None, over.set)
    assert over.wait(60)
    follower.close()
