"""The memory screen, driven by keys and by the mouse, small and large."""

from __future__ import annotations

from dataclasses import replace

import pytest
from screen_stage import SIZES, Stage, play
from staged_agent import StagedAgent
from textual.widgets import Input

from dormouse.tui.app.asking import AskText, Confirm, Reading
from dormouse.tui.app.memory.screen import MemoryScreen


async def opened(stage: Stage) -> MemoryScreen:
    await stage.press("f3")
    await stage.until(lambda: isinstance(stage.app.screen, MemoryScreen) and stage.app.screen.memories)
    assert isinstance(stage.app.screen, MemoryScreen)
    return stage.app.screen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_memories_are_browsed_filtered_and_searched(size: tuple[int, int], by: str) -> None:
    async def act(stage: Stage) -> None:
        screen = await opened(stage)
        await stage.until(lambda: "all 7" in stage.shown() and "rejected 1" in stage.shown())
        if by == "key":
            await stage.press("f", "f")
        else:
            await stage.click("#consolidated")
        await stage.until(lambda: "Stromness" not in stage.shown("Listing"))
        await stage.until(lambda: "Annika" in stage.shown("Listing"))
        if by == "key":
            await stage.press("slash")
        else:
            await stage.click("Finder Input")
        await stage.write("vet")
        await stage.until(lambda: "Annika" not in stage.shown("Listing"))
        await stage.until(lambda: screen.chosen is not None and screen.chosen.value == "vet")
        await stage.until(lambda: "consolidated: the weights answer for it" in stage.shown("Details"))
        await stage.press("escape")
        await stage.until(lambda: screen.query_one(Input).value == "")
        await stage.press("down")
        await stage.until(lambda: screen.chosen is not None and screen.chosen.value in stage.shown("Details"))

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_a_memory_is_corrected(size: tuple[int, int], by: str) -> None:
    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.press("slash", *"Stromness", "enter")
        await (stage.press("e") if by == "key" else stage.click("Details #edit"))
        await stage.until(lambda: isinstance(stage.app.screen, AskText))
        await stage.until(lambda: stage.app.screen.query_one(Input).value == "Stromness")
        await stage.press(*["backspace"] * 9, *"Kirkwall")
        await (stage.press("enter") if by == "key" else stage.click("#save"))
        await stage.until(lambda: stage.said("correct"))
        await stage.until(lambda: stage.said("correct") == [("correct", "c41f90ab02", "Kirkwall")])
        await stage.until(lambda: "superseded 2" in stage.shown())

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
@pytest.mark.parametrize("yes", [True, False])
def test_a_memory_is_forgotten_after_a_yes(size: tuple[int, int], by: str, yes: bool) -> None:
    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.press("slash", *"71d2", "enter")
        await (stage.press("d") if by == "key" else stage.click("Details #forget"))
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        await stage.until(lambda: "cannot be undone" in stage.shown() and "Annika" in stage.shown())
        if by == "key":
            await stage.press("y" if yes else "enter")
        else:
            await stage.click("#yes" if yes else "#no")
        if yes:
            await stage.until(lambda: isinstance(stage.app.screen, Reading))
            await stage.until(lambda: "weights pending" in stage.shown())
            await stage.until(lambda: stage.said("forget") == [("forget", ("71d2aa90c4",), None)])
        else:
            await stage.until(lambda: isinstance(stage.app.screen, MemoryScreen))
            assert stage.said("forget") == []

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_why_and_the_turns_a_memory_rests_on(size: tuple[int, int]) -> None:
    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.press("slash", *"Biscotti", "enter", "w")
        await stage.until(lambda: isinstance(stage.app.screen, Reading))
        await stage.until(lambda: "the text states its value" in stage.shown())
        await stage.press("escape")
        await stage.click("Details #turns")
        await stage.until(lambda: isinstance(stage.app.screen, Reading))
        await stage.until(lambda: "▸ you" in stage.shown() and "A clever dog" in stage.shown())

    play(act, size=size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("by", ["key", "mouse"])
def test_a_memorys_words_are_read_to_their_end_and_the_next_from_its_beginning(
    size: tuple[int, int], by: str
) -> None:
    agent = StagedAgent()
    told = "\n".join(f"line {number} of what was told" for number in range(70))
    agent.remembered[-1] = replace(agent.remembered[-1], words={3: told})

    async def act(stage: Stage) -> None:
        screen = await opened(stage)
        await stage.until(lambda: "favourite food" in stage.shown("Details"))
        if by == "key":
            await stage.press("tab")
            await stage.page_to("Details", "line 69 of")
            await stage.press("shift+tab", "down")
        else:
            await stage.wheel("Details VerticalScroll", 60)
            await stage.until(lambda: "line 69 of" in stage.shown("Details"))
            await stage.click("Listing", offset=(5, 1))
            await stage.until(lambda: isinstance(stage.app.screen, Reading))
            await stage.click("#close")
            await stage.until(lambda: stage.app.screen is screen)
        await stage.until(lambda: screen.chosen is not None and screen.chosen.value == "Biscuit")
        await stage.until(lambda: "The user's dog's name is Biscuit." in stage.shown("Details"))

    play(act, agent, size)


def test_what_does_not_hold_is_not_corrected_and_escape_goes_back() -> None:
    async def act(stage: Stage) -> None:
        await opened(stage)
        await stage.press("e")
        await stage.until(lambda: "This memory is rejected" in stage.shown())
        await stage.press("escape")
        await stage.until(lambda: stage.app.current_mode == "chat")

    play(act)
