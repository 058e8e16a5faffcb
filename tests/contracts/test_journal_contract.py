"""What every journal promises, run on each implementation.

To add one: a function from a folder to an open journal, in IMPLEMENTATIONS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dormouse.memory.errors import BadInput, JournalError, UnknownRecord
from dormouse.memory.journal import ExamAnswer, Journal, Memory, Turn, memory_id

Opener = Callable[[], Journal]


def _sqlite(folder: Path) -> Journal:
    return Journal(folder / "journal.db")


IMPLEMENTATIONS: dict[str, Callable[[Path], Journal]] = {"sqlite": _sqlite}


@pytest.fixture(params=IMPLEMENTATIONS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same journal again; what is opened is closed after the test."""
    opened: list[Journal] = []

    def open_journal() -> Journal:
        opened.append(IMPLEMENTATIONS[request.param](tmp_path))
        return opened[-1]

    yield open_journal
    for journal in opened:
        journal.close()


@pytest.fixture
def journal(reopen: Opener) -> Journal:
    journal = reopen()
    journal.open_session("s1")
    return journal


def _memory(turn: Turn, value: str = "Reykjavik", **changes: object) -> Memory:
    made = Memory(
        id=memory_id("user", "home", value, [turn.id]),
        subject="user",
        attribute="home",
        value=value,
        quote=turn.content,
        statement=f"The user lives in {value}.",
        turn_ids=(turn.id,),
        created_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


# Sessions and turns


def test_a_turn_reads_back_as_it_was_written(journal: Journal, reopen: Opener) -> None:
    asked = journal.add_turn("s1", "user", "Where do I live?", tokens=5)
    answered = journal.add_turn(
        "s1",
        "assistant",
        "In Reykjavík. 🙂",
        reply_to=asked.id,
        adapter="ab12",
        tokens=7,
        evidence=b"\x00\xff",
    )
    fetched = journal.add_turn("s1", "tool", "<html>", trusted=False)
    journal.close()

    again = reopen()
    assert again.turns("s1") == [asked, answered, fetched]
    assert again.turn(answered.id) == answered
    assert (answered.reply_to, answered.adapter, answered.tokens) == (asked.id, "ab12", 7)
    assert answered.evidence == b"\x00\xff"
    assert not fetched.trusted
    assert timedelta(0) <= datetime.now(UTC) - asked.created_at < timedelta(minutes=1)


@pytest.mark.parametrize(
    "content", ["", "a\x00b", "line\nline", "Ünicode 🙂 \u202e", "x" * 200_000, "'; DROP TABLE"]
)
def test_any_text_is_kept_whole(journal: Journal, content: str) -> None:
    assert journal.turn(journal.add_turn("s1", "user", content).id).content == content


def test_a_lone_surrogate_costs_that_character_only(journal: Journal) -> None:
    assert journal.add_turn("s1", "user", "my \ud800 dog").content == "my \ufffd dog"


def test_a_session_is_begun_once_and_titled_by_its_first_user_turn(journal: Journal) -> None:
    journal.add_turn("s1", "system", "Be kind.")
    journal.add_turn("s1", "user", "Hello\n there " + "very " * 40)
    journal.add_turn("s1", "user", "Second")
    first = journal.open_session("s1")
    other = journal.open_session()
    assert first.title.startswith("Hello there very") and first.title.endswith("…") and len(first.title) <= 60
    assert other.id != first.id and other.title == ""
    assert journal.sessions() == [first, other]


@pytest.mark.parametrize("name", ["", " s", "s\n", "\x00", "x" * 201])
def test_a_session_needs_a_name_that_can_be_typed(journal: Journal, name: str) -> None:
    with pytest.raises(BadInput, match="session's name"):
        journal.open_session(name)
    assert [session.id for session in journal.sessions()] == ["s1"]


def test_a_turn_of_no_session_or_to_no_turn_is_refused(journal: Journal) -> None:
    with pytest.raises(UnknownRecord, match="No session has the id 'nobody'"):
        journal.add_turn("nobody", "user", "hello")
    with pytest.raises(UnknownRecord, match="No turn has the id 99"):
        journal.add_turn("s1", "assistant", "hello", reply_to=99)
    with pytest.raises(UnknownRecord):
        journal.turns("nobody")
    assert journal.turns("s1") == []


def test_a_role_or_state_that_is_none_is_refused(journal: Journal) -> None:
    with pytest.raises(JournalError):
        journal.add_turn("s1", "narrator", "hello")  # type: ignore[arg-type]
    with pytest.raises(JournalError):
        journal.add_turn("s1", "user", "hello", state="lost")  # type: ignore[arg-type]
    assert journal.turns("s1") == []


def test_a_pending_turn_grows_and_a_complete_one_is_not_rewritten(journal: Journal) -> None:
    turn = journal.add_turn("s1", "assistant", "", state="pending")
    journal.update_turn(turn.id, content="In Rey")
    done = journal.update_turn(turn.id, content="In Reykjavik.", state="complete", tokens=4, evidence=b"e")
    assert (done.content, done.state, done.tokens, done.evidence) == ("In Reykjavik.", "complete", 4, b"e")
    for change in ({"content": "In Oslo."}, {"state": "pending"}):
        with pytest.raises(JournalError, match="is complete"):
            journal.update_turn(turn.id, **change)  # type: ignore[arg-type]
    assert journal.turn(turn.id) == done
    assert journal.update_turn(turn.id, adapter="ab12", content=done.content).adapter == "ab12"


def test_what_a_dead_writer_left_pending_is_interrupted_when_opened(journal: Journal, reopen: Opener) -> None:
    turn = journal.add_turn("s1", "assistant", "In Rey", state="pending")
    journal.close()
    assert reopen().turn(turn.id) == replace(turn, state="interrupted")


def test_context_before_stays_in_the_session_and_in_order(journal: Journal) -> None:
    journal.open_session("s2")
    turns = []
    for i in range(4):
        turns.append(journal.add_turn("s1", "user", f"turn {i}"))
        journal.add_turn("s2", "user", f"other {i}")
    journal.add_turn("s1", "assistant", "half", state="pending")
    last = journal.add_turn("s1", "user", "last")
    assert journal.context_before(last.id, 2) == turns[2:]
    assert journal.context_before(last.id, 99) == turns
    assert journal.context_before(turns[0].id, 3) == []
    assert journal.context_before(last.id, 0) == []


def test_turns_are_given_in_the_order_asked_for_and_those_that_are_gone_left_out(journal: Journal) -> None:
    session = journal.open_session("s").id
    first, second, third = (journal.add_turn(session, "user", text) for text in "abc")
    assert journal.turns_of([third.id, 99, first.id]) == [third, first]
    assert journal.turns_of([second.id]) == [second] and journal.turns_of([]) == []


def test_tool_calls_read_back_in_order(journal: Journal) -> None:
    turn = journal.add_turn("s1", "assistant", "Let me look.")
    made = [journal.add_tool_call(turn.id, "clock", {"zone": ["Óslo", 1]}, "12:00", True)]
    made.append(journal.add_tool_call(turn.id, "shell", {}, "no", False))
    assert journal.tool_calls(turn.id) == made
    assert made[0].arguments == {"zone": ["Óslo", 1]} and not made[1].ok
    with pytest.raises(UnknownRecord):
        journal.add_tool_call(99, "clock", {}, "", True)


# Harvest


def test_only_the_users_own_complete_new_turns_wait_for_harvest(journal: Journal) -> None:
    first = journal.add_turn("s1", "user", "I moved.")
    journal.add_turn("s1", "assistant", "Where to?")
    journal.add_turn("s1", "user", "a document says so", trusted=False)
    journal.add_turn("s1", "user", "half", state="interrupted")
    second = journal.add_turn("s1", "user", "To Oslo.")
    assert journal.unharvested() == [first, second]
    assert journal.unharvested(1) == [first]
    night = journal.begin_night(seed=7)
    journal.mark_harvested([first.id], night.id)
    assert journal.unharvested() == [second]
    assert journal.turn(first.id).night_id == night.id


def test_harvest_marks_all_or_none(journal: Journal) -> None:
    turn = journal.add_turn("s1", "user", "I moved.")
    night = journal.begin_night(seed=7)
    with pytest.raises(UnknownRecord):
        journal.mark_harvested([turn.id, 99], night.id)
    with pytest.raises(UnknownRecord, match="No night"):
        journal.mark_harvested([turn.id], "n9999")
    assert journal.unharvested() == [turn]


# Memories


def test_memories_read_back_and_are_written_over_by_id(journal: Journal, reopen: Opener) -> None:
    turns = [journal.add_turn("s1", "user", f"turn {i}") for i in range(3)]
    night = journal.begin_night(seed=1)
    memory = _memory(turns[0], turn_ids=(turns[2].id, turns[0].id), night_id=night.id)
    refused = _memory(turns[1], "Oslo", state="rejected", reason="not supported")
    journal.put_memories([memory, refused])
    changed = replace(memory, state="consolidated", turn_ids=(turns[1].id,))
    journal.put_memories([changed])
    journal.close()

    again = reopen()
    assert again.memories() == [changed, refused]
    assert again.memories(state="rejected") == [refused]
    assert again.memories(night_id=night.id) == [changed]
    assert again.memories(state="forgotten") == []


def test_a_memory_is_found_by_the_beginning_of_its_id(journal: Journal) -> None:
    turn = journal.add_turn("s1", "user", "hello")
    both = [_memory(turn, id="ab12"), _memory(turn, "Oslo", id="ab")]
    journal.put_memories(both)
    assert journal.memory("ab1") == both[0]
    assert journal.memory("ab") == both[1]  # exact, though another begins with it
    with pytest.raises(UnknownRecord, match="2 memory ids begin with 'a'"):
        journal.memory("a")
    for nothing in ("%", "_b12", "zz"):
        with pytest.raises(UnknownRecord, match="No memory"):
            journal.memory(nothing)


def test_a_memory_must_rest_on_turns_that_are_there(journal: Journal) -> None:
    turn = journal.add_turn("s1", "user", "hello")
    with pytest.raises(BadInput, match="names no turn"):
        journal.put_memories([_memory(turn), _memory(turn, "Oslo", turn_ids=())])
    for wrong in ({"turn_ids": (99,)}, {"night_id": "n9999"}, {"superseded_by": "nowhere"}):
        with pytest.raises(JournalError):
            journal.put_memories([_memory(turn), _memory(turn, "Oslo", **wrong)])
    assert journal.memories() == []  # all or none


def test_a_forgotten_memory_stays_forgotten(journal: Journal) -> None:
    turn = journal.add_turn("s1", "user", "hello")
    forgotten = _memory(turn, state="forgotten", value="", quote="", statement="")
    journal.put_memories([forgotten])
    journal.put_memories([replace(_memory(turn), id=forgotten.id)])
    night = journal.begin_night(seed=1)
    journal.publish_night(night.id, "ab12", {}, [forgotten.id], {})
    assert journal.memories() == [forgotten]


def test_a_memory_id_is_stable_and_tells_contents_apart() -> None:
    assert memory_id("user", "home", "Oslo", [1, 2]) == "425a9de079"
    parts = [
        ("a", "b|c", "d", [1]),
        ("a|b", "c", "d", [1]),
        ("a", "b|c", "d", [1, 2]),
        ("a", "b|c", "d|1", []),
    ]
    assert len({memory_id(*part) for part in parts}) == len(parts)


# Nights and exams


def test_one_night_runs_at_a_time_and_survives_reopening(journal: Journal, reopen: Opener) -> None:
    assert journal.running_night() is None
    night = journal.begin_night(seed=2**63 - 1)
    assert night.seed == 2**63 - 1
    with pytest.raises(JournalError, match=f"night {night.id} has begun"):
        journal.begin_night(seed=1)
    journal.close()

    again = reopen()
    assert again.running_night() == night
    done = again.finish_night(night.id, "failed", None, {"reason": "out of memory"})
    assert (done.state, done.report) == ("failed", {"reason": "out of memory"})
    assert done.ended_at is not None and done.ended_at >= night.started_at
    assert again.running_night() is None
    second = again.begin_night(seed=1)
    assert again.nights() == [done, second]


def test_a_night_ends_once(journal: Journal) -> None:
    night = journal.begin_night(seed=1)
    with pytest.raises(JournalError):
        journal.finish_night(night.id, "running")
    done = journal.finish_night(night.id, "nothing-new")
    assert journal.finish_night(night.id, "nothing-new") == done
    with pytest.raises(JournalError, match="already finished, as nothing-new"):
        journal.finish_night(night.id, "failed")
    with pytest.raises(JournalError, match="already finished"):
        journal.publish_night(night.id, "ab12", {}, [], {})
    with pytest.raises(UnknownRecord):
        journal.finish_night("n9999", "failed")
    assert journal.nights() == [done]


def test_publishing_a_night_moves_everything_and_again_moves_nothing(journal: Journal) -> None:
    turn = journal.add_turn("s1", "user", "hello")
    old, new, other = _memory(turn, "Oslo"), _memory(turn, "Bergen"), _memory(turn, "Narvik")
    journal.put_memories([old, new, other])
    night = journal.begin_night(seed=1)
    done = journal.publish_night(night.id, "ab12", {"recall": 0.9}, [new.id], {old.id: new.id})
    assert (done.state, done.adapter, done.report) == ("published", "ab12", {"recall": 0.9})
    after = [
        replace(old, state="superseded", superseded_by=new.id),
        replace(new, state="consolidated"),
        other,
    ]
    assert journal.memories() == after
    assert journal.publish_night(night.id, "ab12", {"recall": 0.9}, [new.id], {old.id: new.id}) == done
    assert journal.memories() == after and journal.nights() == [done]


@pytest.mark.parametrize(("consolidated", "superseded"), [(["nowhere"], {}), ([], {"known": "nowhere"})])
def test_publishing_a_night_is_all_or_nothing(
    journal: Journal, consolidated: list[str], superseded: dict[str, str]
) -> None:
    turn = journal.add_turn("s1", "user", "hello")
    memory = _memory(turn, id="known")
    journal.put_memories([memory])
    night = journal.begin_night(seed=1)
    with pytest.raises(UnknownRecord):
        journal.publish_night(night.id, "ab12", {}, ["known", *consolidated], superseded)
    assert journal.memories() == [memory]
    assert journal.running_night() == night


def test_exam_answers_replace_those_of_an_earlier_try(journal: Journal) -> None:
    night = journal.begin_night(seed=1)

    def answer(item: str, passed: bool) -> ExamAnswer:
        return ExamAnswer(night.id, "ab12", item, "fact", "Where?", "Oslo\ud800"[:4], passed)

    journal.record_exam_answers(night.id, "ab12", [answer("q1", False), answer("q3", True)])
    wanted = [answer("q2", True), answer("q1", True)]
    journal.record_exam_answers(night.id, "ab12", wanted)
    assert journal.exam_answers(night.id) == wanted
    assert journal.exam_answers("n9999") == []
    with pytest.raises(UnknownRecord):
        journal.record_exam_answers("n9999", "ab12", wanted)


# Search


def test_search_finds_by_stem_case_and_accent_and_ranks(journal: Journal) -> None:
    moved = journal.add_turn("s1", "user", "We MOVED to Reykjavík last spring.")
    dog = journal.add_turn("s1", "user", "My dog is called Zorbal.")
    journal.add_turn("s1", "assistant", "Reykjavik is lovely, Zorbal will like moving.")
    assert [turn for turn, _ in journal.search("moving reykjavik", 5)] == [moved]
    both = journal.search("did the dog Zorbal like moving", 5)
    assert [turn for turn, _ in both] == [dog, moved]
    assert both[0][1] > both[1][1]
    assert len(journal.search("zorbal moved", 1)) == 1
    assert journal.search("elephant", 5) == [] and journal.search("zorbal", 0) == []


def test_search_leaves_the_present_session_out(journal: Journal) -> None:
    journal.open_session("s2")
    mine = journal.add_turn("s1", "user", "Zorbal is a dog.")
    journal.add_turn("s2", "user", "Who is Zorbal?")
    assert [turn for turn, _ in journal.search("Zorbal", 5, exclude_session="s2")] == [mine]


def test_search_follows_a_turn_that_is_still_written(journal: Journal) -> None:
    turn = journal.add_turn("s1", "user", "Zorbal", state="pending")
    done = journal.update_turn(turn.id, content="Quibble", state="complete")
    assert journal.search("Zorbal", 5) == []
    assert [turn for turn, _ in journal.search("quibbles", 5)] == [done]


HARD_TEXTS = [
    *(
        "",
        " ",
        '"',
        "'",
        '""',
        "a AND",
        "NOT",
        "OR OR",
        "NEAR(a b, 2)",
        "dog*",
        "^dog",
        "content:dog",
        "dog-cat",
    ),
    *(
        "{dog}",
        "dog + cat",
        "(((",
        "\x00",
        "dog\x00cat",
        "\ud800",
        "🙂",
        "?!",
        "--",
        "/* */",
        "don't",
        "e\u0301",
    ),
    *(
        "चित्र",
        "日本語",
        "straße",
        "İstanbul",
        "0\u0b3a",
        "“dog”—“cat”",
        "x" * 100_000,
        "word " * 20_000,
        " ".join(f"w{i}" for i in range(5000)),
    ),
]


@pytest.mark.parametrize("text", HARD_TEXTS)
def test_no_text_breaks_the_search(journal: Journal, text: str) -> None:
    turn = journal.add_turn("s1", "user", text + " dog cat")
    journal.search(text, 5)
    assert [found for found, _ in journal.search(text + " dog", 5)] == [turn]


# Closing and threads


def test_a_closed_journal_is_not_written_behind_its_owners_back(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="it is closed"):
        journal.add_turn("s1", "user", "hello")
    with pytest.raises(JournalError, match="it is closed"):
        journal.turns("s1")


def test_many_threads_write_and_read_without_losing_a_turn(journal: Journal) -> None:
    failures: list[BaseException] = []

    def talk(name: str) -> None:
        try:
            journal.open_session(name)
            for i in range(20):
                journal.add_turn(name, "user", f"{name} says {i}")
                assert len(journal.turns(name)) == i + 1
                journal.search(name, 3)
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [threading.Thread(target=talk, args=(f"t{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for n in range(6):
        assert [turn.content for turn in journal.turns(f"t{n}")] == [f"t{n} says {i}" for i in range(20)]
