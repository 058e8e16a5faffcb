"""The night screen, by keys and by the mouse, small and large; and the other screens during a night."""

from __future__ import annotations

import threading

import pytest
from screen_stage import LARGE, SIZES, SMALL, Stage, play
from staged_agent import StagedAgent

from dormouse.tui.app.night.plot import braille
from dormouse.tui.app.night.screen import NightScreen

IN_TRAINING = 56  # so many records of a night, and it is in the middle of its training


async def opened(stage: Stage) -> NightScreen:
    await stage.press("f4")
    await stage.until(lambda: isinstance(stage.app.screen, NightScreen) and stage.app.screen.past)
    assert isinstance(stage.app.screen, NightScreen)
    return stage.app.screen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_a_night_is_begun_and_followed_to_its_end(size: tuple[int, int], by: str) -> None:
    agent = StagedAgent(halts_after=IN_TRAINING)

    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.until(lambda: "Awake, with 2 turns to sleep on." in stage.shown("#head"))
        await (stage.press("s") if by == "key" else stage.click("#head #sleep"))
        await stage.until(lambda: len(stage.app.night.losses) > 10)
        await stage.until(lambda: "▸ consolidate" in stage.shown("Stages"))
        for words in ("✓ harvest", "loss ", "tokens/s", "Loss", "Speed", "· publish"):
            await stage.until(lambda words=words: words in stage.shown("#now"))  # type: ignore[misc]
        await stage.until(lambda: any("\u2800" < dots <= "\u28ff" for dots in stage.shown("#now")))
        await stage.until(lambda: "asleep: consolidate" in stage.shown("TopBar"))
        agent.night_go.set()
        await stage.until(lambda: not stage.app.night.running)
        await stage.until(lambda: "The night is over: 2 memories learnt" in stage.shown("#head"))
        await stage.until(lambda: stage.said("sleep") == [("sleep",)])

    play(act, agent, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_nights_that_were_are_looked_at(size: tuple[int, int], by: str) -> None:
    async def act(stage: Stage) -> None:
        screen = await opened(stage)
        await stage.until(lambda: screen.chosen is not None and screen.chosen.id == "n0006")
        if size == SMALL:
            for part, words in (("verdicts", "tainted"), ("exam", "11 of 12"), ("history", "Retention")):
                await (stage.press("tab") if by == "key" else stage.click(f"Tab#{part}"))
                await stage.until(lambda words=words: words in stage.shown())  # type: ignore[misc]
        for words in ("Retention", "n0003", "kept  92%"):
            await stage.until(lambda words=words: words in stage.shown())  # type: ignore[misc]
        if by == "key":
            await stage.press("down", "down", "down")
        else:
            await stage.click("#nights", offset=(5, 3))
        await stage.until(lambda: screen.chosen is not None and screen.chosen.id == "n0003")
        if size == SMALL:
            await stage.press("shift+tab")
        await stage.until(lambda: "new: 5 of 12 right, fewer than 60%" in stage.shown("Exam"))

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_the_other_screens_work_during_a_night(size: tuple[int, int]) -> None:
    agent = StagedAgent(halts_after=IN_TRAINING)

    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.press("s")
        await stage.until(lambda: stage.app.night.running)
        await stage.press("f2")
        await stage.say("What is my dog called?")
        await stage.until(lambda: "Biscotti" in stage.shown("#conversation"))
        await stage.press("f3")
        await stage.until(lambda: "consolidated 3" in stage.shown())
        await stage.until(lambda: "asleep: " in stage.shown("TopBar"))
        await stage.click("Notice")
        await stage.until(lambda: stage.app.current_mode == "night")
        await stage.until(lambda: stage.app.night.running)

    play(act, agent, size)


def test_a_night_of_the_daemons_own_is_seen_from_its_beginning() -> None:
    agent = StagedAgent(
        halts_after=IN_TRAINING, far={"why": "a night was begun", "held": ("a turn",), "alarms": ()}
    )

    async def act(stage: Stage) -> None:
        await opened(stage)
        threading.Thread(target=agent.sleep, daemon=True).start()
        await stage.until(lambda: len(stage.app.night.losses) > 3)
        await stage.until(lambda: "harvest" in stage.app.night.stages)
        await stage.until(lambda: "It stands still for a turn." in stage.shown("#head"))

    play(act, agent, LARGE)


def test_a_plot_is_drawn_over_its_whole_width() -> None:
    rising = braille([0, 1, 2, 3], 4, 2, 0, 3)
    assert [len(row) for row in rising] == [4, 4]
    assert rising[1][0] != " " and rising[0][0] == " "
    assert rising[0][3] != " " and rising[1][3] == " "
    flat = braille([5.0] * 500, 10, 3, 5.0, 5.0)
    assert "".join(flat).strip()
    assert braille([], 2, 1, 0, 1) == ["  "]
