"""Every screen looks as it did when somebody looked at it last."""

from __future__ import annotations

from pathlib import Path

import pytest
from screen_scenes import KEPT, SCENES, Scene, a_night, animated, picture, recorded, unlike


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
def test_the_screen_looks_as_it_did(scene: Scene, tmp_path: Path) -> None:
    file = KEPT / f"{scene.name}.svg"
    kept = file.read_text() if file.exists() else ""
    drawn = picture(scene, kept)
    if kept != drawn:
        (tmp_path / file.name).write_text(drawn)
        pytest.fail(
            f"{scene.name} looks otherwise: compare {tmp_path / file.name} with {file}; "
            f"python tests/screen_scenes.py draws what is to be kept\n{unlike(kept, drawn)}"
        )


def test_a_recording_shows_every_frame_once_a_round() -> None:
    frame = '<svg viewBox="0 0 10 10"></svg>'
    played = animated([(frame, 1.0), (frame, 3.0)])
    assert played.count("<g id=") == 2
    assert "25.00%{opacity:1}" in played and "animation:f1 4.0s" in played


def test_the_recording_of_a_night_shows_all_three_screens_during_it() -> None:
    frames = [drawn.replace("&#160;", " ") for drawn, _ in recorded(a_night)]
    asleep = [drawn for drawn in frames if "asleep: consolidate" in drawn]
    for words in ("Your dog is called", "consolidated 3", "▸ "):
        assert any(words in drawn for drawn in asleep), words
    assert "The night is over: 2 memories learnt" in frames[-1]
