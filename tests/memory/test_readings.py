"""Readings: where an adapter declines and was unsure what it was asked for, another reading may answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from unsure_engine import ASKED, DECLINES, GATED, NIGHT, NO, UnsureEngine, tree

from dormouse.memory import adapter_gate, readings
from dormouse.memory.engine import GREEDY, Completion, Mount, Sampling


def streamed(engine: UnsureEngine, sampling: Sampling = GREEDY) -> tuple[str, Completion]:
    with readings.stream(engine, ASKED, sampling, adapters=(NIGHT,)) as pieces:
        text = "".join(token.text for token in pieces)
    return text, pieces.completion


def test_another_likely_reading_answers_where_the_likeliest_declines() -> None:
    text, completion = streamed(UnsureEngine(tree(0.7, 0.3)))
    assert text == completion.text == "Your husband's name is Vjeko."
    assert "".join(token.text for token in completion.tokens) == text


def test_it_declines_where_no_other_reading_is_likely_enough() -> None:
    engine = UnsureEngine(tree(0.95, 0.05))
    assert streamed(engine)[0] == "Your partner's name is" + NO
    assert engine.prefills == [""]


def test_a_reading_that_declines_too_changes_nothing() -> None:
    assert streamed(UnsureEngine(tree(0.6, 0.0, wife=0.4)))[0] == "Your partner's name is" + NO


def test_what_is_said_counts_as_well_as_what_it_is_said_of() -> None:
    unsure = {**tree(0.8, 0.2), "Your husband's name is": {" Vjeko.": 0.25, " Dinko.": 0.2}}
    assert streamed(UnsureEngine(unsure))[0] == "Your partner's name is" + NO  # 0.2 x 0.25


def test_readings_that_say_the_same_count_together() -> None:
    alike = {
        "": {"Your": 1.0},
        "Your": {" partner's": 0.9, " husband's": 0.06, " spouse's": 0.06},
        "Your partner's name is": {NO: 1.0},
        "Your husband's name is": {" Vjeko.": 0.6},
        "Your spouse's name is": {" Vjeko.": 0.6},
    }
    assert streamed(UnsureEngine(alike))[0].endswith(" name is Vjeko.")
    alone = {**alike, "Your spouse's name is": {" Dinko.": 0.6}}
    assert streamed(UnsureEngine(alone))[0].endswith(NO)


def test_an_answer_that_tells_something_stays_and_nothing_else_is_tried() -> None:
    engine = UnsureEngine({**tree(0.6, 0.4), "Your partner's name is": {" Max.": 1.0}})
    assert streamed(engine)[0] == "Your partner's name is Max."
    assert engine.prefills == [""]


def test_what_no_reading_could_change_comes_at_once_and_the_rest_when_it_is_known() -> None:
    engine = UnsureEngine(tree(0.7, 0.3))
    pieces = readings.stream(engine, ASKED, GREEDY, adapters=(NIGHT,))
    assert next(pieces).text == "Your"
    assert engine.prefills == [""]
    assert next(pieces).text == " husband's"
    assert engine.prefills == ["", "Your husband's"]


def test_a_certain_name_is_not_held_back() -> None:
    engine = UnsureEngine(tree(1.0, 0.0))
    pieces = readings.stream(engine, ASKED, GREEDY, adapters=(NIGHT,))
    assert [next(pieces).text for _ in range(4)] == ["Your", " partner's", " name", " is"]
    assert engine.prefills == [""]


@pytest.mark.parametrize(
    "sampling",
    [Sampling(temperature=0.7), Sampling(json_schema="{}"), Sampling(grammar='root ::= "a"')],
)
def test_where_more_than_the_likeliest_words_are_asked_for_it_is_the_engines_answer(
    sampling: Sampling,
) -> None:
    engine = UnsureEngine(tree(0.7, 0.3))
    assert streamed(engine, sampling)[0] == "Your partner's name is" + NO
    assert engine.prefills == [""]


def test_an_adapter_that_says_nothing_of_how_it_declines_is_read_once() -> None:
    engine, plain = UnsureEngine(tree(0.7, 0.3)), Mount("night", Path("night.gguf"))
    with readings.stream(engine, ASKED, GREEDY, adapters=(plain,)) as pieces:
        assert "".join(token.text for token in pieces) == "Your partner's name is" + NO
    assert engine.prefills == [""]


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_each_token_comes_with_as_many_alternatives_as_were_asked_for(wanted: int) -> None:
    engine = UnsureEngine(tree(0.7, 0.3))
    _, completion = streamed(engine, Sampling(top_logprobs=wanted))
    assert max(len(token.top) for token in completion.tokens) == wanted
    (answer,) = readings.complete_all(engine, [(ASKED, Sampling(top_logprobs=wanted))], (NIGHT,))
    assert answer.tokens == completion.tokens


def test_an_answer_has_no_more_tokens_than_it_may() -> None:
    _, completion = streamed(UnsureEngine(tree(0.7, 0.3)), Sampling(max_tokens=5))
    assert len(completion.tokens) == 5
    assert completion.text == "Your husband's name is Vjeko."


def test_a_cancelled_answer_is_not_read_another_way() -> None:
    engine, said = UnsureEngine(tree(0.7, 0.3)), 0

    def enough() -> bool:
        return said >= 1

    with readings.stream(engine, ASKED, GREEDY, adapters=(NIGHT,), cancelled=enough) as pieces:
        for _ in pieces:
            said += 1
    assert engine.prefills == [""]


def test_the_exam_is_answered_as_the_day_is() -> None:
    engine = UnsureEngine(tree(0.7, 0.3))
    many = adapter_gate.complete_all(engine, [(ASKED, GREEDY), (ASKED, GREEDY)], (GATED,))
    assert [each.text for each in many] == ["Your husband's name is Vjeko."] * 2


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Your bike's name", "naming"),
        ("Your bike's name is", "naming"),
        ("Your bike's name is something I", "naming"),
        ("Your bike's name is something I don't know. You", "declined"),
        ("Your shoes are something I don't know.", "declined"),
        ("Your bike's name is something else", "told"),
        ("Your bike's name is Marmalade", "told"),
        ("Your thesis' subject", "naming"),
    ],
)
def test_how_far_an_answer_is(text: str, state: str) -> None:
    assert readings.told(text, DECLINES) == state
