"""The night screen, by keys and by the mouse, small and large; and the other screens during a night."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from screen_stage import LARGE, SIZES, SMALL, Stage, play
from staged_agent import StagedAgent

from dormouse.memory.records import Verdict
from dormouse.tui.app.asking import Confirm, Reading
from dormouse.tui.app.chat import calls
from dormouse.tui.app.chat.calls import Approval
from dormouse.tui.app.night.plot import braille
from dormouse.tui.app.night.screen import NightScreen

KEYS = {"chat": "f2", "memory": "f3", "night": "f4"}
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
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_a_night_that_was_is_seen_as_it_was_while_another_is_slept_and_after_it(
    size: tuple[int, int], by: str
) -> None:
    agent = StagedAgent(halts_after=IN_TRAINING)

    async def stands_at(stage: Stage, id: str, row: int) -> None:
        screen = stage.app.screen
        assert isinstance(screen, NightScreen)
        if by == "mouse":
            if size == SMALL:
                await stage.click("Tab#history")
            await stage.click("#nights", offset=(5, row))
            if size == SMALL:
                await stage.click("Tab#now")
        else:
            rows = [night.id for night in reversed(screen.past)]
            assert screen.chosen is not None
            steps = row - rows.index(screen.chosen.id)
            await stage.press(*(["down"] * steps if steps > 0 else ["up"] * -steps))
        await stage.until(lambda: screen.chosen is not None and screen.chosen.id == id)

    async def act(stage: Stage) -> None:
        screen = await opened(stage)
        await stage.press("s")
        await stage.until(lambda: screen.chosen is not None and screen.chosen.id == "n0007")
        for halted in (True, False):
            if not halted:
                agent.night_go.set()
                await stage.until(lambda: screen.past[-1].state == "published")
            await stage.until(lambda: "harvest" in stage.shown("Stages"))
            await stands_at(stage, "n0003", 4)
            await stage.until(lambda: "155.8 s" in stage.shown("Stages"))
            await stage.until(lambda: stage.shown("#plots").count("not kept") == 2)
            await stands_at(stage, "n0007", 0)
            await stage.until(lambda: "155.8 s" not in stage.shown("Stages"))
            await stage.until(lambda: "nats" in stage.shown("#plots"))

    play(act, agent, size)


@pytest.mark.parametrize("size", SIZES)
def test_the_verdicts_of_a_night_come_while_it_is_slept(size: tuple[int, int]) -> None:
    agent = StagedAgent(halts_after=3)

    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.press("s", "tab")
        await stage.until(lambda: "No candidate is judged yet." in stage.shown("Verdicts"))
        agent.halts_after = None
        agent.night_go.set()
        await stage.until(lambda: "home city is Stromness" in stage.shown("Verdicts"))

    play(act, agent, size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_verdicts_exam_and_nights_are_read_to_their_ends(size: tuple[int, int], by: str) -> None:
    agent = StagedAgent()
    verdicts = [Verdict("tainted", f"Candidate {number}.", "a document", 3, "") for number in range(90)]
    reasons = [f"reason {number} of many" for number in range(90)]
    agent.past[-1] = replace(agent.past[-1], verdicts=verdicts, reasons=reasons)
    agent.past[:0] = [replace(agent.past[0], id=f"m{number:04d}") for number in range(90)]

    async def act(stage: Stage) -> None:
        await opened(stage)
        for part, where, last in (
            ("verdicts", "#verdicts", "Candidate 89."),
            ("exam", "Exam", "reason 89 of many"),
            ("history", "#nights", "m0000"),
        ):
            if by == "key":
                await stage.press("right" if part == "exam" else "tab")
                await stage.page_to(where, last)
            else:
                if size == SMALL:
                    await stage.click(f"Tab#{part}")
                await stage.wheel(where, 90)
                await stage.until(lambda where=where, last=last: last in stage.shown(where))  # type: ignore[misc]

    play(act, agent, size)


@pytest.mark.parametrize("size", SIZES)
def test_a_verdict_being_read_stays_in_sight_when_the_nights_are_fetched_anew(size: tuple[int, int]) -> None:
    agent = StagedAgent()
    verdicts = [Verdict("tainted", f"Candidate {number}.", "a document", 3, "") for number in range(90)]
    agent.past[-1] = replace(agent.past[-1], verdicts=verdicts)

    async def act(stage: Stage) -> None:
        screen = await opened(stage)
        await stage.press("tab")
        await stage.page_to("#verdicts", "Candidate 89.")
        before = screen.past
        await stage.press("r")
        await stage.until(lambda: screen.past is not before)
        await stage.until(lambda: "Candidate 89." in stage.shown("#verdicts"))

    play(act, agent, size)


async def to(stage: Stage, mode: str, by: str) -> None:
    await (stage.press(KEYS[mode]) if by == "key" else stage.click(f"ScreenTab#to-{mode}"))
    await stage.until(lambda: stage.app.current_mode == mode)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_chat_and_memory_work_during_a_night(
    size: tuple[int, int], by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "UNHEARD_S", 0.0)
    agent = StagedAgent(halts_after=IN_TRAINING, asks=True)

    async def act(stage: Stage) -> None:
        await opened(stage)
        await (stage.press("s") if by == "key" else stage.click("#head #sleep"))
        await stage.until(lambda: len(stage.app.night.losses) > 10)

        await to(stage, "chat", by)
        await stage.write("What is my dog called?")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen.query(Approval))
        await stage.until(lambda: "May it call calculator?" in stage.shown("Approval"))
        await (stage.press("y") if by == "key" else stage.click("Approval #yes"))
        await stage.until(lambda: "Your dog is called Biscotti" in stage.shown("#conversation"))
        if size == SMALL:
            await stage.press("f6")
        await stage.until(lambda: "of 3400 tokens" in stage.shown("#tiers"))
        if by == "mouse":
            await stage.wheel("#tiers", 60)
        else:
            await stage.page_to("#tiers", "now: consolidate")
        await stage.until(lambda: "now: consolidate" in stage.shown("#tiers"))

        await to(stage, "memory", by)
        await stage.until(lambda: "consolidated 3" in stage.shown())
        await (stage.press("f") if by == "key" else stage.click("#admitted"))
        await stage.until(lambda: "Annika" not in stage.shown("Listing"))
        if by == "key":
            await stage.press("down")
        else:
            await stage.click("Listing", offset=(5, 1))
            await stage.until(lambda: "Where it was said" in stage.shown())
            await stage.click("#close")
            await stage.until(lambda: stage.app.screen.query("Details"))
        await stage.until(lambda: "piano tuner" in stage.shown("Details"))
        await (stage.press("d") if by == "key" else stage.click("Details #forget"))
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await (stage.press("y") if by == "key" else stage.click("#yes"))
        await stage.until(lambda: isinstance(stage.app.screen, Reading))
        await (stage.press("escape") if by == "key" else stage.click("#close"))
        await stage.until(lambda: stage.said("forget") == [("forget", ("5ce80f3321",), None)])
        await stage.until(lambda: "admitted 1" in stage.shown())

        await stage.until(lambda: "asleep: consolidate" in stage.shown("TopBar"))
        await (to(stage, "night", by) if by == "key" else stage.click("Notice"))
        await stage.until(lambda: "▸ consolidate" in stage.shown("Stages"))
        agent.night_go.set()
        await stage.until(lambda: "The night is over: 2 memories learnt" in stage.shown("#head"))

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
