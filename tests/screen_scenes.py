"""The scenes whose pictures are kept: each screen in both sizes, and what the README shows.

`python tests/screen_scenes.py` draws them all anew: the pictures that tests compare with, beside the tests,
and those of the README in docs/pictures. Look at every one that changed before it is committed. `--check
FOLDER` writes them there instead.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from screen_stage import SIZES, SMALL, Stage, staged
from staged_agent import StagedAgent
from staged_records import night_records
from textual.widgets import Input, OptionList

from dormouse.tui.app import clock
from dormouse.tui.app.chat.calls import UNHEARD_S, Approval
from dormouse.tui.app.chat.prompt import Prompt
from dormouse.tui.app.night.screen import NightScreen
from dormouse.tui.app.night_log import NightLog

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "tests" / "tui" / "app" / "pictures"
SHOWN = ROOT / "docs" / "pictures"
MIDDLE = (112, 32)
TRAINING_BEGINS = 16  # so many records of a night come before
UNLIKE_S = 30.0  # so long a picture may take to look as it is kept

Act = Callable[[Stage], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Scene:
    """What is done until the picture is taken."""

    name: str
    act: Act
    size: tuple[int, int]
    asks: bool = False


async def chatting(stage: Stage) -> None:
    await stage.say("What is my dog called?")
    await stage.say("Write me a prime sieve.")
    await stage.until(lambda: "3400 tokens, 4 messages" in stage.shown("#tiers") or stage.app.size == SMALL)


async def asking(stage: Stage) -> None:
    await stage.write("How much is (19 - 7) * 3?")
    await stage.press("enter")
    await stage.until(lambda: stage.app.screen.query(Approval))


async def completing(stage: Stage) -> None:
    await stage.write("/re")
    shown = stage.app.screen.query_one("#completions", OptionList)
    await stage.until(lambda: shown.option_count == 2 and shown.highlighted == 0)
    await stage.until(lambda: "/retry" in stage.shown() and "/sessions" not in stage.shown())


async def searching(stage: Stage) -> None:
    await stage.press("ctrl+f")
    await stage.write("fridge")
    await stage.until(lambda: "in Biscotti" in stage.shown("#sessions"))


async def tiers(stage: Stage) -> None:
    """Read to their end where they stand over the conversation; with the keys where they stand beside it."""
    await stage.say("What is my dog called?")
    await stage.press("f6" if stage.app.size == SMALL else "tab")
    await stage.until(lambda: "360 of 3400" in stage.shown("#tiers"))
    await stage.page_to("#tiers", "2 admitted")


async def asking_why(stage: Stage) -> None:
    await stage.say("What is my dog called?")
    await stage.write("/why")
    await stage.press("enter")
    await stage.until(lambda: "the text states its value" in stage.shown())


async def alarmed(stage: Stage) -> None:
    stage.agent.alarms = (
        "The last 3 nights that heard talk admitted nothing of it; `dormouse night n0006` says why.",
        "The disk has 0.4 GiB left; a night needs 2 GiB.",
    )
    stage.app.look()
    await stage.until(lambda: "! 2 alarms" in stage.shown("TopBar"))
    await stage.until(lambda: stage.app.size == SMALL or "! The disk has" in stage.shown("#tiers"))
    await stage.write("/alarms")
    await stage.press("enter")
    await stage.until(lambda: "The disk has" in stage.shown())


async def helped(stage: Stage) -> None:
    await stage.write("/help")
    await stage.press("enter")
    await stage.until(lambda: "What can be done here" in stage.shown())


async def naming_the_keys(stage: Stage) -> None:
    await stage.press("f1")
    await stage.page_to("HelpPanel", "Sessions")


async def finding_a_command(stage: Stage) -> None:
    await stage.press("ctrl+p")
    await stage.until(lambda: stage.app.screen.query(Input))
    stage.app.screen.query_one(Input).cursor_blink = False
    await stage.write("session")
    await stage.until(lambda: "/sessions" in stage.shown() and "Session: The piano workshop" in stage.shown())


async def remembering(stage: Stage) -> None:
    await stage.press("f3")
    await stage.until(lambda: "consolidated 3" in stage.shown())
    await stage.press("down", "down", "down", "down")


async def forgetting(stage: Stage) -> None:
    await remembering(stage)
    await stage.press("d")
    await stage.until(lambda: "cannot be undone" in stage.shown())


async def sleeping(stage: Stage) -> None:
    """In the middle of training, with a clock that ticks a second a record."""
    log, seconds = NightLog(), iter(range(1000))
    with patch.object(clock, "elapsed", lambda: float(next(seconds))):
        for record in night_records():
            log.told(record)
            if len(log.losses) == 44:
                break
    patch.object(clock, "elapsed", lambda: 61.0).start()
    assert stage.app._follower is not None
    stage.app._follower.log = log
    await stage.press("f4")
    await stage.until(lambda: "▸ consolidate" in stage.shown("Stages"))


async def _to_part(stage: Stage, number: int) -> None:
    await stage.press("f4")
    await stage.until(lambda: isinstance(stage.app.screen, NightScreen) and stage.app.screen.past)
    await stage.press(*["tab"] * number)


async def judging(stage: Stage) -> None:
    await _to_part(stage, 1)
    await stage.until(lambda: "tainted" in stage.shown("Verdicts"))


async def examining(stage: Stage) -> None:
    await _to_part(stage, 2)
    await stage.press("down", "down", "down")
    await stage.until(lambda: "fewer than 60%" in stage.shown("Exam"))


async def looking_back(stage: Stage) -> None:
    await _to_part(stage, 3)
    await stage.press("down", "down")
    await stage.until(lambda: "n0004" in stage.shown())


async def without_colour(stage: Stage) -> None:
    stage.app.theme = "plain"
    await chatting(stage)


async def at_dawn(stage: Stage) -> None:
    stage.app.theme = "dawn"
    await chatting(stage)


_ACTS: dict[str, Act] = {
    "chat": chatting,
    "approval": asking,
    "commands": completing,
    "sessions": searching,
    "tiers": tiers,
    "why": asking_why,
    "alarms": alarmed,
    "help": helped,
    "keys": naming_the_keys,
    "palette": finding_a_command,
    "memory": remembering,
    "forget": forgetting,
    "night": sleeping,
    "verdicts": judging,
    "exam": examining,
    "history": looking_back,
    "plain": without_colour,
    "dawn": at_dawn,
}
SCENES = [
    Scene(f"{name}_{size[0]}", act, size, asks=name == "approval")
    for name, act in _ACTS.items()
    for size in SIZES
]
FOR_THE_README = [
    Scene("memory", remembering, MIDDLE),
    Scene("night", sleeping, MIDDLE),
]


def picture(scene: Scene, kept: str | None = None) -> str:
    """The scene as SVG: as soon as it looks as `kept`, or how it looks when that did not come.

    How fast it is drawn is the machine's matter; without `kept` it is taken once it stands still.
    """

    async def run() -> str:
        agent = StagedAgent(asks=scene.asks)
        async with staged(agent, scene.size) as stage:
            stage.app.clear_notifications()
            for prompt in stage.app.screen.query(Prompt):
                prompt.cursor_blink = False
            await scene.act(stage)
            drawn = await _settled(stage, kept)
            stage.app.exit()
            return drawn

    try:
        return asyncio.run(run())
    finally:
        patch.stopall()


async def _settled(stage: Stage, kept: str | None) -> str:
    deadline, before = time.monotonic() + UNLIKE_S, None
    while True:
        await stage.pilot.pause(0.1)
        drawn = svg(stage)
        if drawn == (before if kept is None else kept) or time.monotonic() > deadline:
            return drawn
        before = drawn


def unlike(kept: str, drawn: str, most: int = 12) -> str:
    """The first parts of two pictures that are not the same, one a line."""
    before, after = (re.sub(r"<(?=text|rect)", "\n<", one).splitlines() for one in (kept, drawn))
    changes = difflib.unified_diff(before, after, "kept", "drawn", lineterm="", n=0)
    return "\n".join(list(changes)[:most])


def svg(stage: Stage, name: str = "screen") -> str:
    """What is seen now, its parts called by `name`. No font is fetched to show it."""
    drawn = stage.app.export_screenshot(title="dormouse chat", simplify=True)
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"terminal-\d+", name, drawn)
    return "\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n"


class Camera:
    """Takes a play's pictures, each with the seconds it is to be seen."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.frames: list[tuple[str, float]] = []

    async def frame(self, seconds: float) -> None:
        await self._stage.pilot.pause(0.1)
        self.frames.append((svg(self._stage, f"frame{len(self.frames)}"), seconds))


async def a_chat(stage: Stage, camera: Camera) -> None:
    """From the first key to the answer."""
    stage.agent.asks = True
    await camera.frame(1.2)
    await stage.write("How much is")
    await camera.frame(0.5)
    await stage.write(" (19 - 7) * 3?")
    await camera.frame(0.8)
    await stage.press("enter")
    await stage.until(lambda: stage.app.screen.query(Approval))
    await stage.pilot.pause(2 * UNHEARD_S)
    await camera.frame(2.0)
    await stage.press("y")
    await stage.until(lambda: stage.app.screen.run is None)  # type: ignore[attr-defined]
    await camera.frame(1.6)
    stage.agent.asks = False
    await _asked_about_the_dog(stage, camera)
    await camera.frame(2.4)
    await stage.say("Write me a prime sieve.")
    await camera.frame(3.5)


async def _asked_about_the_dog(stage: Stage, camera: Camera) -> None:
    await stage.write("What is my dog called?")
    await camera.frame(0.8)
    await stage.press("enter")
    await stage.until(lambda: "Your dog is called" in stage.shown("#conversation"))
    await stage.until(lambda: stage.app.screen.run is None)  # type: ignore[attr-defined]


async def a_night(stage: Stage, camera: Camera) -> None:
    """From /sleep to its end, while one chats, looks at what was learnt, and watches it."""
    agent = stage.agent
    patch.object(clock, "elapsed", lambda: agent.seconds_slept).start()

    async def trained(steps: int) -> None:
        agent.night_on_to(TRAINING_BEGINS + steps)
        await stage.until(lambda: len(stage.app.night.losses) == steps)
        await stage.until(lambda: f"asleep: consolidate {steps / 60:.0%}" in stage.shown("TopBar"))

    agent.halts_after = 0
    await stage.until(lambda: "embedded" in stage.shown("TopBar"))
    await stage.write("/sleep")
    await camera.frame(1.0)
    await stage.press("enter")
    await stage.until(lambda: agent.watched)
    await trained(6)
    await _asked_about_the_dog(stage, camera)
    await camera.frame(2.2)
    await stage.press("f3")
    await stage.until(lambda: "consolidated 3" in stage.shown())
    await trained(21)
    await camera.frame(1.4)
    await stage.press("down", "down", "down")
    await camera.frame(1.8)
    await stage.press("f4")
    for steps in (36, 48, 60):
        await trained(steps)
        await stage.until(lambda: "tokens/s" in stage.shown("Stages"))
        await camera.frame(1.2)
    await stage.press("tab")
    await stage.until(lambda: "home city is Stromness" in stage.shown("Verdicts"))
    await camera.frame(2.0)
    await stage.press("shift+tab")
    agent.night_on_to(-1)
    await stage.until(lambda: "The night is over" in stage.shown("#head"))
    stage.app.clear_notifications()
    await camera.frame(3.0)


RECORDINGS = {"chat": a_chat, "asleep": a_night}


def recorded(play: Callable[[Stage, Camera], Coroutine[Any, Any, None]]) -> list[tuple[str, float]]:
    """The pictures of a play."""

    async def run() -> list[tuple[str, float]]:
        async with staged(StagedAgent(), MIDDLE) as stage:
            stage.app.screen.query_one(Prompt).cursor_blink = False
            camera = Camera(stage)
            await play(stage, camera)
            return camera.frames

    try:
        return asyncio.run(run())
    finally:
        patch.stopall()


def animated(frames: list[tuple[str, float]]) -> str:
    """One SVG that shows each frame for its seconds, over and over; without animation, the last."""
    whole, begun, styles, bodies = sum(seconds for _, seconds in frames), 0.0, [], []
    for number, (drawn, seconds) in enumerate(frames):
        first, last = 100 * begun / whole, 100 * (begun + seconds) / whole
        edges = [f"0%{{opacity:{int(number == 0)}}}"] if number else []
        edges += [f"{first:.2f}%{{opacity:1}}", f"{last:.2f}%{{opacity:0}}", "100%{opacity:0}"]
        if number == len(frames) - 1:
            edges[-2:] = ["100%{opacity:1}"]
        styles.append(
            f"@keyframes f{number}{{{''.join(edges)}}}"
            f"#f{number}{{opacity:{int(number == len(frames) - 1)};"
            f"animation:f{number} {whole:.1f}s infinite step-end}}"
        )
        bodies.append(f'<g id="f{number}">{drawn}</g>')
        begun += seconds
    box = re.search(r'viewBox="[^"]*"', frames[0][0])
    assert box is not None
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box[0]}>\n<style>{"".join(styles)}</style>\n'
        + "".join(bodies)
        + "</svg>\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", metavar="FOLDER", type=Path, help="write the pictures there instead")
    parser.add_argument("--only", metavar="NAME", help="only the scenes whose names begin so")
    given = parser.parse_args()
    kept, shown = (given.check, given.check / "shown") if given.check else (KEPT, SHOWN)
    for scenes, folder in ((SCENES, kept), (FOR_THE_README, shown)):
        folder.mkdir(parents=True, exist_ok=True)
        for scene in scenes:
            if scene.name.startswith(given.only or ""):
                (folder / f"{scene.name}.svg").write_text(picture(scene))
                print(folder / f"{scene.name}.svg")
    for name, play in RECORDINGS.items():
        if name.startswith(given.only or ""):
            (shown / f"{name}.svg").write_text(animated(recorded(play)))
            print(shown / f"{name}.svg")


if __name__ == "__main__":
    main()
