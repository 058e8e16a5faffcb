"""Readings: where an adapter declines and was unsure what it was asked for, another reading may answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unsure_engine import ASKED, ASKING, DECLINES, GATED, NIGHT, NO, Tree, UnsureEngine, tree

from dormouse.memory import adapter_gate, readings
from dormouse.memory.engine import GREEDY, Completion, Message, Mount, Sampling, Stream
from dormouse.memory.errors import BadEmbedder
from dormouse.memory.naming import Meant, Names
from dormouse.memory.readings import SURE


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
    many = adapter_gate.answer_all(engine, [(ASKED, GREEDY), (ASKED, GREEDY)], (GATED,))
    assert many == ["Your husband's name is Vjeko."] * 2


class Counted(UnsureEngine):
    """Keeps what it was asked at once."""

    def __init__(self, *trees: Tree) -> None:
        super().__init__(*trees)
        self.batches: list[list[str]] = []

    def complete_all(self, asked: Any, *, prefills: Any = None, **others: Any) -> list[Completion]:
        self.batches.append(list(prefills or [""] * len(asked)))
        return super().complete_all(asked, prefills=prefills, **others)


def test_what_many_unsure_questions_might_mean_is_tried_side_by_side() -> None:
    asked = {**tree(0.5, 0.0, wife=0.4), PARTNER: {NO: 0.8, " Vjeko.": 0.2}}
    engine = Counted(asked, said_of(0.2, 0.0, 0.8))
    plain = [Message("system", "P."), Message("user", "What is my partner's name?")]
    many = readings.complete_all(engine, [(ASKED, GREEDY), (plain, GREEDY)], (ASKING,))
    wife = "Your wife's"
    assert engine.batches == [["", ""], [wife, PARTNER], [PARTNER]]
    alone = [
        readings.complete_all(Counted(asked, said_of(0.2, 0.0, 0.8)), [(each, GREEDY)], (ASKING,))
        for each in (ASKED, plain)
    ]
    assert [answer.text for answer in many] == [answer.text for (answer,) in alone]


PARTNER = "Your partner's name is"
SEVERAL = ("Vjeko.", "Dinko.", "something I don't know.")


def said_of(*likely: float) -> Tree:
    """A name beyond doubt, and how likely each of three things is to be said of it."""
    words = {f" {what}": share for what, share in zip(SEVERAL, likely, strict=True)}
    return {"": {"Your": 1.0}, "Your": {" partner's": 1.0}, PARTNER: words}


def plainly_read(asked: Tree, plainly: Tree) -> tuple[str, UnsureEngine]:
    engine = UnsureEngine(asked, plainly)
    with readings.stream(engine, ASKED, GREEDY, adapters=(ASKING,)) as pieces:
        text = "".join(token.text for token in pieces)
    assert text == pieces.completion.text == "".join(token.text for token in pieces.completion.tokens)
    many = readings.complete_all(UnsureEngine(asked, plainly), [(ASKED, GREEDY)], (ASKING,))
    assert many[0].text == text
    return text, engine


@pytest.mark.parametrize(
    ("asked", "plainly", "answer"),
    [
        ((0.35, 0.0, 0.65), (0.9, 0.0, 0.1), "Vjeko."),  # declined, and known in plain words
        ((0.1, 0.0, 0.89), (0.6, 0.0, 0.4), "something I don't know."),  # not sure enough of it
        ((0.55, 0.0, 0.45), (0.2, 0.0, 0.8), "something I don't know."),  # told, and declined in plain words
        ((0.8, 0.0, 0.2), (0.4, 0.0, 0.6), "Vjeko."),  # not sure enough that it was not told
        ((0.5, 0.3, 0.2), (0.1, 0.9, 0.0), "Dinko."),  # another value is the surer one
        ((0.8, 0.2, 0.0), (0.3, 0.7, 0.0), "Vjeko."),
        ((0.2, 0.0, 0.8), (0.4, 0.0, 0.6), "something I don't know."),
    ],
)
def test_what_is_said_of_a_name_and_was_unsure_is_asked_for_in_plain_words_too(
    asked: tuple[float, ...], plainly: tuple[float, ...], answer: str
) -> None:
    text, engine = plainly_read(said_of(*asked), said_of(*plainly))
    assert text == f"{PARTNER} {answer}"
    assert engine.questions == [ASKED[-1].content, "What is my partner's name?"]
    assert engine.prefills == ["", PARTNER]


@pytest.mark.parametrize("asked", [(0.95, 0.0, 0.05), (0.05, 0.0, 0.95)])
def test_what_was_sure_is_not_asked_for_again(asked: tuple[float, ...]) -> None:
    text, engine = plainly_read(said_of(*asked), said_of(0.0, 1.0, 0.0))
    assert "Dinko" not in text
    assert engine.questions == [ASKED[-1].content]


def test_another_reading_that_knows_goes_before_plain_words() -> None:
    unsure = {**tree(0.7, 0.3), PARTNER: {NO: 0.6, " Max.": 0.4}}
    text, engine = plainly_read(unsure, said_of(0.0, 1.0, 0.0))
    assert text == "Your husband's name is Vjeko."
    assert {*engine.questions} == {ASKED[-1].content}


def test_an_adapter_that_says_nothing_of_plain_words_is_not_asked_in_them() -> None:
    engine = UnsureEngine(said_of(0.35, 0.0, 0.65), said_of(0.9, 0.0, 0.1))
    assert streamed(engine)[0].endswith("something I don't know.")
    assert engine.questions == [ASKED[-1].content]


def test_what_was_said_before_the_question_stays_before_the_plain_one() -> None:
    heard: list[list[str]] = []

    class Listening(UnsureEngine):
        def stream(self, messages: Sequence[Message], *args: Any, **kwargs: Any) -> Stream:
            heard.append([message.content for message in messages])
            return super().stream(messages, *args, **kwargs)

    engine = Listening(said_of(0.35, 0.0, 0.65), said_of(0.9, 0.0, 0.1))
    talk = [ASKED[0], Message("user", "Hi."), Message("assistant", "Hello."), ASKED[-1]]
    with readings.stream(engine, talk, GREEDY, adapters=(ASKING,)) as pieces:
        list(pieces)
    assert heard == [
        ["P.", "Hi.", "Hello.", ASKED[-1].content],
        ["P.", "Hi.", "Hello.", "What is my partner's name?"],
    ]


def test_a_name_comes_at_once_and_what_is_said_of_it_once_it_is_known() -> None:
    engine = UnsureEngine(said_of(0.35, 0.0, 0.65), said_of(0.9, 0.0, 0.1))
    pieces = readings.stream(engine, ASKED, GREEDY, adapters=(ASKING,))
    assert [next(pieces).text for _ in range(4)] == ["Your", " partner's", " name", " is"]
    assert len(engine.questions) == 1
    assert next(pieces).text == " Vjeko."
    assert len(engine.questions) == 2


def test_a_long_answer_is_not_held_back_for_plain_words() -> None:
    """It was not taught, so it comes as it is computed, but for its first tokens."""
    steps = {f"{PARTNER}{' on' * n}": {" on": 0.5, " off": 0.4} for n in range(60)}
    engine = UnsureEngine({"": {"Your": 1.0}, "Your": {" partner's": 1.0}, **steps}, said_of(1.0, 0.0, 0.0))
    pieces = readings.stream(engine, ASKED, GREEDY, adapters=(ASKING,))
    read = [next(pieces).text for _ in range(4 + 33)]
    assert read[4:] == [" on"] * 33
    assert len(list(pieces)) == 60 - 33
    assert len(engine.questions) == 1


def test_a_cancelled_answer_is_not_asked_for_in_plain_words() -> None:
    engine, said = UnsureEngine(said_of(0.35, 0.0, 0.65), said_of(0.9, 0.0, 0.1)), 0

    def enough() -> bool:
        return said >= 1

    with readings.stream(engine, ASKED, GREEDY, adapters=(ASKING,), cancelled=enough) as pieces:
        for _ in pieces:
            said += 1
    assert engine.questions == [ASKED[-1].content]


class Reader(Names):
    """An encoder that takes every question for one name."""

    def __init__(self, name: str, likely: float, spouse: float = 0.0) -> None:
        super().__init__([])
        names = (name, "missus's name")
        self.found = Meant(names, likely, dict.fromkeys(names, likely) | {"spouse's name": spouse})
        self.questions = list[str]()

    def asked_for(self, questions: Sequence[str]) -> list[Meant]:
        self.questions += questions
        return [self.found] * len(questions)


ASKING_FOR = "What is my {}?"
SPOUSE = "Your spouse's name is"


def naming(spouse: float, *likely: float) -> Tree:
    """A spouse's name is named with this likelihood, and what is then said of it."""
    words = {f" {what}": share for what, share in zip(SEVERAL, likely, strict=True)}
    named = {" spouse's": spouse, " neighbour's": 1 - spouse}
    return {"": {"Your": 1.0}, "Your": named, SPOUSE: words, "Your neighbour's name is": {NO: 1.0}}


def encoded(reader: Reader, opens: str = "Your") -> Mount:
    return Mount("night", Path("n.gguf"), opens=opens, declines=DECLINES, asks=ASKING_FOR, names=reader)


def read_as(
    reader: Reader, asked: Tree, plainly: Tree, said: Sequence[Message] = ASKED, opens: str = "Your"
) -> tuple[str, UnsureEngine]:
    """The answer, asked alone and among others."""
    engine, mount = UnsureEngine(asked, plainly), encoded(reader, opens)
    with readings.stream(engine, said, GREEDY, adapters=(mount,)) as pieces:
        text = "".join(token.text for token in pieces)
    assert text == pieces.completion.text == "".join(token.text for token in pieces.completion.tokens)
    many = readings.complete_all(UnsureEngine(asked, plainly), [(said, GREEDY)] * 2, (mount,))
    assert [each.text for each in many] == [text] * 2
    return text, engine


UNSURE, KNOWN = naming(0.9, 0.0, 0.0, 1.0), said_of(0.95, 0.0, 0.05)
"""A spouse was never told, and a partner was."""
TOLD = naming(0.99, 0.97, 0.0, 0.03)
"""A spouse was."""
LATER = [ASKED[0], Message("user", "Hi."), Message("assistant", "Hello."), ASKED[-1]]


def test_what_was_named_unsurely_and_declined_is_asked_for_by_the_name_that_the_encoder_reads() -> None:
    for said in (ASKED, LATER):
        text, engine = read_as(Reader("partner's name", 0.5), UNSURE, KNOWN, said)
        assert text == f"{PARTNER} Vjeko."
        assert engine.questions[-1] == "What is my partner's name?"


@pytest.mark.parametrize(
    ("likely", "asked"),
    [(0.35, UNSURE), (0.9, naming(0.99, 0.0, 0.0, 1.0))],
    ids=["the encoder is not sure", "the adapter was sure of another name"],
)
def test_it_stays_declined_where(likely: float, asked: Tree) -> None:
    text, engine = read_as(Reader("partner's name", likely), asked, KNOWN)
    assert text.startswith(SPOUSE + " something I don't know")
    assert "What is my partner's name?" not in engine.questions


def test_what_is_declined_by_that_name_too_stays_declined() -> None:
    text, _ = read_as(Reader("partner's name", 0.9), UNSURE, said_of(0.05, 0.0, 0.95))
    assert text.startswith(SPOUSE + " something I don't know")


def test_what_is_told_of_another_name_gives_way_to_the_one_that_the_encoder_is_surer_of() -> None:
    text, _ = read_as(Reader("partner's name", 0.6), TOLD, said_of(0.0, 0.95, 0.05))
    assert text == f"{PARTNER} Dinko."
    text, _ = read_as(Reader("partner's name", 0.45), TOLD, said_of(0.0, 0.95, 0.05))
    assert text == f"{SPOUSE} Vjeko."


def test_what_is_told_stays_where_the_encoder_reads_the_same_or_that_is_declined() -> None:
    text, engine = read_as(Reader("spouse's name", 0.9, 0.9), TOLD, said_of(0.0, 0.95, 0.05))
    assert text == f"{SPOUSE} Vjeko."
    assert engine.questions == [ASKED[-1].content]
    assert read_as(Reader("partner's name", 0.9), TOLD, said_of(0.0, 0.05, 0.95))[0] == f"{SPOUSE} Vjeko."


def test_what_is_told_of_a_name_that_the_encoder_finds_likely_too_stays() -> None:
    told = read_as(Reader("partner's name", 0.9, 0.15), TOLD, said_of(0.0, 0.95, 0.05))[0]
    assert told == f"{SPOUSE} Vjeko."
    instead = read_as(Reader("partner's name", 0.9, 0.05), TOLD, said_of(0.0, 0.95, 0.05))[0]
    assert instead == f"{PARTNER} Dinko."


def test_another_name_of_the_same_thing_is_the_same() -> None:
    asked = {"": {"Your": 1.0}, "Your": {" missus's": 1.0}, "Your missus's name is": {" Vjeko.": 1.0}}
    text, engine = read_as(Reader("partner's name", 0.9), asked, KNOWN)
    assert text == "Your missus's name is Vjeko."
    assert engine.questions == [ASKED[-1].content]


def test_what_is_told_to_a_question_for_none_of_the_names_is_declined() -> None:
    text, _ = read_as(Reader("partner's name", 0.01), TOLD, KNOWN)
    assert text.startswith(SPOUSE + " something I don't know")
    assert read_as(Reader("partner's name", 0.1), TOLD, KNOWN)[0] == f"{SPOUSE} Vjeko."


def test_what_was_just_heard_may_be_told_whatever_the_encoder_reads() -> None:
    recalled = [Message("system", "P. The user said: my spouse is Vjeko."), ASKED[-1]]
    assert read_as(Reader("partner's name", 0.01), TOLD, KNOWN, recalled)[0] == f"{SPOUSE} Vjeko."


def test_what_may_lean_on_an_earlier_turn_is_told_whatever_the_encoder_reads() -> None:
    for likely in (0.01, 0.9):
        assert read_as(Reader("partner's name", likely), TOLD, KNOWN, LATER)[0] == f"{SPOUSE} Vjeko."


def test_an_answer_that_opens_otherwise_was_not_taught_and_stays() -> None:
    paris = {
        "": {"The": 1.0},
        "The": {" capital": 1.0},
        "The capital": {" is": 1.0},
        "The capital is": {" Paris.": 1.0},
    }
    for likely in (0.01, 0.9):
        assert read_as(Reader("partner's name", likely), paris, KNOWN)[0] == "The capital is Paris."
    assert read_as(Reader("partner's name", 0.9), TOLD, KNOWN, opens="")[0] == f"{SPOUSE} Vjeko."


def test_a_name_that_the_encoder_reads_too_comes_at_once_and_another_once_it_is_known() -> None:
    for name, first in (("spouse's name", ["Your", " spouse's"]), ("partner's name", ["Your"])):
        engine = UnsureEngine(TOLD, said_of(0.0, 0.95, 0.05))
        reader = Reader(name, 0.9, 0.9 if name.startswith("spouse") else 0.0)
        pieces = readings.stream(engine, ASKED, GREEDY, adapters=(encoded(reader),))
        assert [next(pieces).text for _ in first] == first
        assert len(engine.questions) == 1
        next(pieces)
        assert (len(engine.questions) == 2) is (name == "partner's name")


def test_what_opens_otherwise_by_the_name_that_is_meant_was_not_taught() -> None:
    other = {"": {"It": 1.0}, "It": {" is": 1.0}, "It is": {" Dinko.": 1.0}}
    assert read_as(Reader("partner's name", 0.9), TOLD, other)[0] == f"{SPOUSE} Vjeko."


def test_what_was_shown_is_not_taken_back() -> None:
    asked = {
        "": {"Your": 1.0},
        "Your": {" dog's": 1.0},
        "Your dog's": {" name": 1.0},
        "Your dog's name is": {" Vex.": 1.0},
    }
    plainly = {"": {"Your": 1.0}, "Your": {" hound's": 1.0}, "Your hound's name is": {" Rex.": 1.0}}
    engine = UnsureEngine(asked, plainly)
    pieces = readings.stream(engine, ASKED, GREEDY, adapters=(encoded(Reader("dog's breed", 0.9)),))
    assert [next(pieces).text for _ in range(2)] == ["Your", " dog's"]
    assert "".join(token.text for token in pieces) == " name is Vex."


@pytest.mark.parametrize("mount", [replace(NIGHT, asks=ASKING_FOR), replace(GATED, asks="")])
def test_the_encoder_is_not_asked_by_an_adapter_that_does_not_say_how_it_is(mount: Mount) -> None:
    reader = Reader("partner's name", 0.9)
    readings.complete_all(UnsureEngine(TOLD, KNOWN), [(ASKED, GREEDY)], (replace(mount, names=reader),))
    assert reader.questions == []


def test_without_an_encoder_the_adapter_answers_as_it_reads() -> None:
    class Missing(Reader):
        def asked_for(self, questions: Sequence[str]) -> list[Meant]:
            raise BadEmbedder("minilm", "its package is not installed")

    assert read_as(Missing("partner's name", 0.9), TOLD, said_of(0.0, 0.95, 0.05))[0] == f"{SPOUSE} Vjeko."


def test_the_encoder_is_not_asked_where_more_than_the_likeliest_words_are() -> None:
    reader = Reader("partner's name", 0.8)
    engine = UnsureEngine(UNSURE, KNOWN)
    readings.complete_all(engine, [(ASKED, Sampling(temperature=0.7))], (encoded(reader),))
    with readings.stream(
        engine, ASKED, Sampling(grammar='root ::= "a"'), adapters=(encoded(reader),)
    ) as pieces:
        list(pieces)
    assert reader.questions == []


def test_a_cancelled_answer_is_not_asked_for_by_another_name() -> None:
    engine, said = UnsureEngine(UNSURE, KNOWN), 0

    def enough() -> bool:
        return said >= 1

    mount = encoded(Reader("partner's name", 0.9))
    with readings.stream(engine, ASKED, GREEDY, adapters=(mount,), cancelled=enough) as pieces:
        for _ in pieces:
            said += 1
    assert "What is my partner's name?" not in engine.questions


# What is asked for in so many words


class Taught(Reader):
    """An encoder that takes every question for the spouse's name, and knows what else was taught."""

    def __init__(self, *known: str, kinds: Sequence[str] = ()) -> None:
        super().__init__("partner's name", 0.99)
        self._known, self._kinds = set(known), set(kinds)

    def is_kind(self, name: str) -> bool:
        return name in self._kinds


def in_words(question: str) -> list[Message]:
    return [ASKED[0], Message("user", question)]


UNTOLD = f"{SPOUSE} something I don't know."
WORD_FOR_WORD = (
    "what would my spouse's name be?",
    "For a form: MY  Spouse\N{RIGHT SINGLE QUOTATION MARK}s name, please",
    "Is it Kim, my spouse's name",
)


@pytest.mark.parametrize("question", WORD_FOR_WORD)
def test_what_was_not_taught_and_is_asked_for_in_so_many_words_stays_declined(question: str) -> None:
    unsure = naming(0.6, 0.05, 0.0, 0.95)
    text, engine = read_as(Taught("partner's name"), unsure, KNOWN, in_words(question))
    assert text == UNTOLD
    assert engine.questions == [question]
    other, _ = read_as(Taught("partner's name"), unsure, KNOWN, in_words("Who is my spouse?"))
    assert other != text


@pytest.mark.parametrize(("likely", "asked"), [(SURE, True), (SURE - 0.01, False)])
def test_where_the_encoder_is_sure_of_another_name_of_the_same_one_that_is_asked_for(
    likely: float, asked: bool
) -> None:
    reader = Taught("spouse's nickname")
    reader.found = Meant(("spouse's nickname",), likely, {"spouse's nickname": likely})
    _, engine = read_as(reader, naming(0.94, 0.0, 0.0, 1.0), KNOWN, in_words(WORD_FOR_WORD[0]))
    assert ("What is my spouse's nickname?" in engine.questions) is asked


def test_of_the_users_own_things_other_words_are_read_as_ever() -> None:
    own: Tree = {
        "": {"Your": 1.0},
        "Your": {" surname": 0.6, " name": 0.4},
        "Your surname": {" is": 1.0},
        "Your surname is": {NO: 1.0},
        "Your name is": {" Vjeko.": 1.0},
    }
    reader = Taught("name", kinds=["surname"])
    reader.found = Meant(("name",), 0.1, {"name": 0.1})
    text, _ = read_as(reader, own, KNOWN, in_words("And what is my surname?"))
    assert text == "Your name is Vjeko."


def test_what_goes_by_that_or_could_mean_it_is_read_as_ever() -> None:
    asked = in_words(WORD_FOR_WORD[0])
    text, _ = read_as(Taught("spouse's name"), UNSURE, KNOWN, asked)
    assert text == read_as(Reader("partner's name", 0.99), UNSURE, KNOWN)[0] != UNTOLD


def test_of_a_kind_that_nothing_taught_could_mean_nothing_is_told() -> None:
    asked = in_words(WORD_FOR_WORD[0])
    told_all_the_same = naming(0.99, 0.9, 0.0, 0.1)
    text, _ = read_as(Taught("partner's name", kinds=["spouse's name"]), told_all_the_same, KNOWN, asked)
    assert text == UNTOLD
    text, _ = read_as(Taught("partner's name"), told_all_the_same, KNOWN, asked)
    assert text != UNTOLD  # another word for what was taught, perhaps
