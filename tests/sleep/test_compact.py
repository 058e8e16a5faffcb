"""Compaction with a scribe that says what the test wants: quotes, confidence, pieces, rules as a floor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from scripted_engine import Script, ScriptedEngine

from dormouse.memory.engine import Message, Mount
from dormouse.memory.errors import ContextOverflow
from dormouse.sleep import scribe
from dormouse.sleep.compact import Scribe, as_told, compact, pieces, quote_for
from dormouse.sleep.harvest import HarvestedTurn
from dormouse.sleep.records import Candidate
from dormouse.sleep.settings import CompactSettings
from dormouse.sleep.spans import sentences

ROLE = Mount("scribe", Path("scribe.gguf"))
NOTHING_MUCH = "The weather, mostly, and what to cook."


def saying(reply: str) -> Script:
    return lambda messages: reply


def turn(content: str, before: str = "", id: int = 7) -> HarvestedTurn:
    return HarvestedTurn(id, "s1", content, before)


def compacted(
    script: Script, *turns: HarvestedTurn, settings: CompactSettings | None = None
) -> list[Candidate]:
    return compact(turns, Scribe(ScriptedEngine(script), ROLE), settings or CompactSettings())


def test_a_line_becomes_a_candidate_that_quotes_its_sentence() -> None:
    text = "Long day. Old Vex chewed the sofa again! Anyway."
    (found,) = compacted(saying("dog | name | Vex"), turn(text))
    assert found == Candidate(
        "dog", "name", "Vex", "Old Vex chewed the sofa again!", 7, "scribe", confidence=-0.5
    )


def test_talk_without_facts_gives_nothing() -> None:
    assert compacted(saying(scribe.NOTHING), turn(NOTHING_MUCH)) == []
    assert compacted(saying("Sure! Here is a story."), turn(NOTHING_MUCH)) == []


def test_each_line_has_the_confidence_of_its_own_tokens() -> None:
    """The engine's words are all equally sure, so the lines are; a line's mean is not the answer's sum."""
    found = compacted(saying("dog | name | Vex\ncat | name | Miso Grey"), turn("Vex and Miso Grey fight."))
    assert [(c.value, c.confidence) for c in found] == [("Vex", -0.5), ("Miso Grey", -0.5)]


def test_no_more_lines_than_allowed_are_kept() -> None:
    lines = "\n".join(f"dog | name{n} | Vex" for n in range(9))
    found = compacted(saying(lines), turn("Vex!"), settings=CompactSettings(lines_per_turn=3))
    assert [c.attribute for c in found] == ["name0", "name1", "name2"]


@pytest.mark.parametrize(
    ("text", "corrects"),
    [
        ("Actually it is Vex.", True),
        ("I meant Vex.", True),
        ("It's Vex these days.", True),
        ("Vex, by the way.", False),
        ("Every now and then Vex barks.", False),
    ],
)
def test_words_of_correction_are_noted(text: str, corrects: bool) -> None:
    (found,) = compacted(saying("dog | name | Vex"), turn(text))
    assert found.corrects is corrects


def test_rules_add_what_the_scribe_missed() -> None:
    found = compacted(saying(scribe.NOTHING), turn("Hm. My dog is called Zorbal."))
    assert [(c.writer, c.subject, c.attribute, c.value) for c in found] == [
        ("rules", "dog", "name", "Zorbal")
    ]
    assert found[0].quote == "My dog is called Zorbal."


def test_rules_do_not_repeat_what_the_scribe_found() -> None:
    found = compacted(saying("dog | name | zorbal"), turn("My dog is called Zorbal."))
    assert [c.writer for c in found] == ["scribe"]


def test_what_the_rules_read_as_another_s_is_not_the_user_s() -> None:
    found = compacted(saying("user | age | 70\nuser | mood | Sunday"), turn("My mother turned 70 on Sunday."))
    assert [(c.writer, c.subject, c.attribute, c.value) for c in found] == [
        ("scribe", "user", "mood", "Sunday"),
        ("rules", "mother", "age", "70"),
    ]


def test_else_the_scribe_s_reading_of_a_value_holds() -> None:
    found = compacted(saying("dog | name | Wenzel"), turn("My dachshund is called Wenzel."))
    assert [(c.writer, c.subject) for c in found] == [("scribe", "dog")]


def test_a_name_is_not_somebody_else_s_who_stands_beside_it() -> None:
    found = compacted(saying("dog | name | Fergus"), turn("My pal Fergus will mind the dog."))
    assert [(c.writer, c.subject) for c in found] == [("rules", "friend")]
    found = compacted(saying("seller | name | Fergus"), turn("My pal Fergus will mind the dog."))
    assert [(c.writer, c.subject) for c in found] == [("rules", "friend")]
    found = compacted(saying("dog | walker | Fergus"), turn("My pal Fergus will mind the dog."))
    assert [(c.writer, c.subject) for c in found] == [("scribe", "dog")]


@pytest.mark.parametrize(
    ("written", "text", "holds"),
    [
        ("user | floor | Rua Augusta", "I rent a room on Rua Augusta.", "rules"),
        ("motorbike | make | Simca", "I still drive an old Simca.", "rules"),
        ("band | name | dulzaina", "Every Friday I play the dulzaina.", "rules"),
        ("user | job | potter", "I'm a retired potter.", "rules"),
        ("user | favourite hiking trail | Kungsleden", "My favourite trail is Kungsleden.", "scribe"),
        ("user | neighbourhood | Bodija", "I live in Bodija.", "scribe"),
        ("user | summer cabin location | Oppdal", "Our cabin is in Oppdal.", "scribe"),
    ],
)
def test_a_plain_statement_is_what_the_rules_say_unless_the_scribe_only_words_it_otherwise(
    written: str, text: str, holds: str
) -> None:
    found = compacted(saying(written), turn(text))
    assert [each.writer for each in found] == [holds]


# Known by name


def reads_nouns(messages: Sequence[Message]) -> str:
    """Notes what a small scribe can: the hobby of a noun, a name that is given."""
    now = messages[-1].content.rsplit("Now: ", 1)[-1]
    if "wife is called Moira" in now:
        return "wife | name | Moira"
    return f"{'wife' if 'y wife' in now else 'bees'} | hobby | beekeeping" if "bee" in now else scribe.NOTHING


BEES = "Moira's taken up beekeeping."


def test_whom_an_earlier_turn_names_is_known_by_it_and_the_quote_is_the_user_s() -> None:
    found = compacted(reads_nouns, turn("My wife is called Moira.", id=1), turn(BEES, id=2))
    assert [(c.subject, c.value, c.quote, c.turn_id) for c in found] == [
        ("wife", "Moira", "My wife is called Moira.", 1),
        ("wife", "beekeeping", BEES, 2),
    ]


def test_whom_only_a_later_turn_names_is_not_known_before() -> None:
    found = compacted(reads_nouns, turn(BEES, id=1), turn("My wife is called Moira.", id=2))
    assert [(c.subject, c.value) for c in found] == [("bees", "beekeeping"), ("wife", "Moira")]


def test_names_of_earlier_nights_are_known_and_nothing_is_read_twice() -> None:
    engine = ScriptedEngine(reads_nouns)
    told = [("wife", "name", "Moira"), ("wife", "job", "nurse")]
    found = compact([turn(BEES)], Scribe(engine, ROLE), CompactSettings(), told=told)
    assert [(c.subject, c.value, c.quote) for c in found] == [("wife", "beekeeping", BEES)]
    assert len(engine.asked) == 1


def test_what_rules_read_of_somebody_by_name_is_theirs() -> None:
    told = [("brother", "name", "Henk")]
    writer = Scribe(ScriptedEngine(saying(scribe.NOTHING)), ROLE)
    found = compact([turn("Henk lives in Utrecht now.")], writer, CompactSettings(), told=told)
    assert [(c.subject, c.attribute, c.value) for c in found] == [("brother", "home city", "Utrecht")]


@pytest.mark.parametrize(
    ("written", "text", "subject"),
    [
        ("lady", "Our lad Struan is a welder now.", "son"),
        ("fuse", "The yellow Fusca runs again.", "fusca"),
        ("partner", "There was a party.", "partner"),  # the bank knows it
        ("fishing friend", "I fished with a friend.", "fishing friend"),
        ("landlord", "He lives upstairs.", "landlord"),
    ],
)
def test_a_misspelt_subject_is_the_word_that_was_told(written: str, text: str, subject: str) -> None:
    assert as_told(written, text) == subject


def test_the_scribe_sees_what_was_said_before() -> None:
    engine = ScriptedEngine(saying(scribe.NOTHING))
    text = " ".join(["So it went on and on until it was over."] * 3)
    compact(
        [turn(text, before="We talked of Vex.")],
        Scribe(engine, ROLE),
        CompactSettings(max_words=10),
    )
    requests = [asked.messages[-1].content for asked in engine.asked]
    assert requests[0].startswith("Earlier: We talked of Vex.\nNow: So it went")
    assert requests[1].startswith("Earlier: So it went")
    assert len(requests) == 3
    assert all(asked.adapters == (ROLE,) for asked in engine.asked)


def test_a_larger_base_is_shown_examples_and_no_adapter() -> None:
    engine = ScriptedEngine(saying(scribe.NOTHING))
    compact([turn(NOTHING_MUCH)], Scribe(engine, None), CompactSettings())
    (asked,) = engine.asked
    assert asked.adapters == ()
    replies = [message.content for message in asked.messages if message.role == "assistant"]
    assert scribe.NOTHING in replies
    assert any(scribe.read_notes(reply) for reply in replies)
    assert asked.messages[-1].content == scribe.notes_request(NOTHING_MUCH)


def test_progress_counts_turns() -> None:
    seen: list[tuple[int, int]] = []
    turns = [turn(NOTHING_MUCH, id=n) for n in range(20)]
    writer = Scribe(ScriptedEngine(saying(scribe.NOTHING)), ROLE)
    compact(turns, writer, CompactSettings(), lambda done, total: seen.append((done, total)))
    assert seen == [(16, 20), (20, 20)]


# Pieces and quotes


def test_pieces_hold_every_word_once_and_in_order() -> None:
    text = "One two three. Four five! Six seven eight nine ten eleven twelve thirteen?\nFourteen."
    for limit in range(1, 20):
        cut = pieces(text, limit)
        assert " ".join(cut).split() == text.split()
        assert all(len(piece.split()) <= limit for piece in cut)
    assert pieces(text, 5) == [
        "One two three. Four five!",
        "Six seven eight nine ten",
        "eleven twelve thirteen? Fourteen.",
    ]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_an_empty_turn_has_no_pieces(text: str) -> None:
    assert sentences(text) == []
    assert pieces(text, 5) == []
    assert compacted(saying("dog | name | Vex"), turn(text)) == []


def test_a_value_in_no_single_sentence_quotes_all() -> None:
    text = "It is Mary. Ann is another boat."
    assert quote_for("Ann", text) == "Ann is another boat."
    assert quote_for("Mary Ann", text) == text


# Turns that do not fit


def letters(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages)


class LetterEngine(ScriptedEngine):
    """Counts letters, as a model does with a script it has no words for."""

    def count_messages(self, messages: Sequence[Message]) -> int:
        return letters(messages)


def test_words_too_long_for_the_context_are_read_in_parts() -> None:
    engine = LetterEngine(saying(scribe.NOTHING), context=1500)
    text = "x" * 9000 + ". My dog is called Zorbal."
    found = compact([turn(text, before="y" * 9000)], Scribe(engine, ROLE), CompactSettings())
    assert [c.value for c in found] == ["Zorbal"]
    shown = "".join(asked.messages[-1].content.removeprefix("Now: ") for asked in engine.asked)
    assert shown.count("x") == 9000
    assert all(letters(asked.messages) <= 1500 for asked in engine.asked)


def test_a_context_that_fits_no_piece_is_told() -> None:
    engine = LetterEngine(saying(scribe.NOTHING), context=50)
    with pytest.raises(ContextOverflow):
        compact([turn("x" * 1000)], Scribe(engine, ROLE), CompactSettings())
