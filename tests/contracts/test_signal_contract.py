"""What every signal of idleness promises: a reading in words, one of three verdicts, and no exception."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dormouse.runtime.idle.abc import Clock, Signal
from dormouse.runtime.idle.battery import Battery
from dormouse.runtime.idle.gpu import Gpu
from dormouse.runtime.idle.last_turn import LastTurn
from dormouse.runtime.idle.load import Load
from dormouse.runtime.idle.logind import Logind
from dormouse.runtime.idle.macos import MacInput
from dormouse.runtime.idle.quiet_hours import QuietHours
from dormouse.runtime.idle.watch import signals_for
from dormouse.runtime.idle.x11 import X11
from dormouse.sleep.settings import BudgetSettings, WhenSettings

CLOCK = Clock()
NOWHERE = "unix:path=/nowhere/bus"
SIGNALS: dict[str, Callable[[], Signal]] = {
    "last turn": lambda: LastTurn(lambda: 5.0, 10),
    "last turn, none": lambda: LastTurn(lambda: None, 10),
    "load": lambda: Load(0.5),
    "gpu": lambda: Gpu(20),
    "battery": lambda: Battery(50, 20),
    "quiet hours": lambda: QuietHours(["23:00-06:00"], CLOCK),
    "quiet hours, none": lambda: QuietHours([], CLOCK),
    "logind": lambda: Logind(10, CLOCK),
    "logind, no bus": lambda: Logind(10, CLOCK, NOWHERE),
    "x11": lambda: X11(10),
    "x11, no server": lambda: X11(10, {"DISPLAY": ":97"}),
    "x11, nonsense": lambda: X11(10, {"DISPLAY": "over there"}),
    "macos": lambda: MacInput(10),
}


@pytest.fixture(params=sorted(SIGNALS))
def signal(request: pytest.FixtureRequest) -> Signal:
    return SIGNALS[request.param]()


def test_it_reads_in_words_and_gives_a_verdict(signal: Signal) -> None:
    for _ in range(2):
        reading = signal.read()
        assert reading.signal == signal.name
        assert reading.words.strip()
        assert reading.verdict in ("idle", "busy", "unknown")


def test_every_kind_of_signal_is_watched_once() -> None:
    watched = signals_for(WhenSettings(), BudgetSettings(), CLOCK, lambda: None, lambda: False)
    names = [signal.name for signal in watched]
    assert len(names) == len(set(names))
    kinds = {path.stem for path in (Path(__file__).parents[2] / "runtime" / "idle").glob("*.py")}
    assert kinds - {"abc", "watch", "__init__"} == {
        type(make()).__module__.rpartition(".")[2] for make in SIGNALS.values()
    }
