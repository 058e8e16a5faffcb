"""The demo: three rows asked the same questions, each with what it may know, and a verdict that can be no."""

from __future__ import annotations

from pathlib import Path

import pytest
from sleepy_agent import Nights

from dormouse.memory.errors import BadInput
from dormouse.memory.recalling import HEADER
from dormouse.runtime.bench.personas import personas
from dormouse.runtime.demo import ANSWER_TOKENS, DemoResult, demo_day, run_demo
from dormouse.sleep.records import Progress
from dormouse.sleep.replay import anchor_prompts
from dormouse.verifiers.match import holds


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setenv("DORMOUSE_CACHE", str(tmp_path / "cache"))
    return Nights(demo_day())


def test_the_rows_are_before_with_all_facts_and_after(nights: Nights, tmp_path: Path) -> None:
    result = run_demo(tmp_path / "home", make_agent=nights.make_agent)
    assert [row.name for row in result.rows] == ["before", "all facts in the prompt", "after sleep"]
    assert [row.recall for row in result.rows] == [(0, 24), (0, 24), (24, 24)]
    assert [row.honesty for row in result.rows] == [(0, 12), (0, 12), (12, 12)]
    assert [row.skills for row in result.rows] == [(10, 12)] * 3
    assert (result.helped, result.night) == (True, "published")
    assert list(result.seconds) == [
        "tell",
        "ask before",
        "ask prompt",
        "sleep: compact",
        "sleep: consolidate",
        "ask after",
    ]


def test_only_the_middle_row_is_shown_what_was_told(nights: Nights, tmp_path: Path) -> None:
    run_demo(tmp_path / "home", make_agent=nights.make_agent)
    told = [turn.content for turn in demo_day().first.turns("demo")]
    questions = nights.asked[len(told) :]
    assert len(questions) == 3 * 48
    systems = [messages[0].content for messages in questions]
    assert all(len(messages) == 2 for messages in questions)
    shown = [system for system in systems if HEADER in system]
    assert shown == systems[48:96]
    assert all(all(turn in system for turn in told) for system in shown)
    assert [spec.memory.context.max_answer_tokens for spec in nights.opened] == [ANSWER_TOKENS] * 4


def test_a_night_that_is_rejected_did_not_help(nights: Nights, tmp_path: Path) -> None:
    nights.publishes = False
    result = run_demo(tmp_path / "home", make_agent=nights.make_agent)
    assert (result.helped, result.night, result.reasons) == (False, "rejected", ("new: 1 of 9 right",))
    assert result.rows[2].recall == (0, 24)


def test_a_published_night_that_knows_no_more_did_not_help(nights: Nights, tmp_path: Path) -> None:
    nights.persona = personas("test")[0]  # what it learns is not what it is asked
    result = run_demo(tmp_path / "home", make_agent=nights.make_agent)
    assert (result.helped, result.night) == (False, "published")


def test_a_home_that_was_used_is_refused(nights: Nights, tmp_path: Path) -> None:
    run_demo(tmp_path / "home", make_agent=nights.make_agent)
    with pytest.raises(BadInput, match="nothing was said yet"):
        run_demo(tmp_path / "home", make_agent=nights.make_agent)


def test_without_a_home_nothing_is_left(nights: Nights) -> None:
    homes: list[Path] = []

    def make(spec, home):  # type: ignore[no-untyped-def]
        homes.append(home)
        return nights.make_agent(spec, home)

    assert run_demo(make_agent=make).helped
    assert homes and not any(home.exists() for home in homes)


def test_progress_is_told_part_by_part(nights: Nights, tmp_path: Path) -> None:
    seen: list[Progress] = []
    run_demo(tmp_path / "home", seen.append, make_agent=nights.make_agent)
    assert list(dict.fromkeys(each.stage for each in seen)) == [
        "tell",
        "ask before",
        "ask prompt",
        "consolidate",
        "ask after",
    ]


def test_every_fact_of_the_day_was_told() -> None:
    day = demo_day()
    told = " ".join(turn.content for turn in day.first.turns("demo"))
    assert len(day.first.facts) == 12 and len(day.first.sessions) == 3
    assert [fact.id for fact in day.first.facts if not holds(told, fact.value)] == []
    assert [f.id for f in day.first.facts if not any(holds(f.value, stem) for stem in f.expect)] == []
    told_of = {fact.value for fact in day.first.facts}
    judged = {f.value for split in ("test", "dev") for p in personas(split) for f in p.first.facts}
    assert told_of.isdisjoint(judged)


def test_old_skills_are_asked_by_questions_no_night_is_anchored_with() -> None:
    anchored = {prompt.casefold() for prompt in anchor_prompts()}
    assert [q for q, _ in demo_day().skills if q.casefold() in anchored] == []


def test_the_table_shows_every_figure(
    nights: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dormouse.tui.demo_table import print_demo

    result: DemoResult = run_demo(tmp_path / "home", make_agent=nights.make_agent)
    print_demo(result)
    shown = capsys.readouterr().out
    for piece in (
        "recall",
        "honesty",
        "old skills",
        "24 of 24",
        "12 of 12",
        "all facts in the prompt",
        "sleep: consolidate",
    ):
        assert piece in shown
    assert f"The night helped: adapter {result.adapter}" in shown
    assert "It is Stromness." in shown
