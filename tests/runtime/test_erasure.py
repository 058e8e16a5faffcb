"""What forgetting takes out of a home's files: all of this scope, nothing of another, a kill or not."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from forgetful import holding, learnt, opened
from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime import forgetting
from dormouse.runtime.agent import Agent
from dormouse.runtime.erasure import Erased, traces
from dormouse.runtime.receipts import Receipt, read_receipts
from dormouse.runtime.scopes import USERS
from dormouse.runtime.server.tokens import Tokens
from dormouse.runtime.workspace import Workspace
from dormouse.sleep.filter import REMOVED


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def gone_from_weights(question: str, tiers: str) -> str:
    return "I do not know."


def forgotten(space: Workspace, *ids: str, matching: str | None = None) -> Receipt:
    """Forgets, and probes what no weights hold."""
    receipt = forgetting.erase(space, forgetting.choose(space, ids, matching))
    finished = {done.id: done for done in forgetting.settle(space, gone_from_weights)}
    return finished.get(receipt.id, receipt)


def test_another_users_home_and_the_tokens_stay_as_they_are_to_the_byte(tmp_path: Path) -> None:
    anna = tmp_path / USERS / "anna"
    with opened(anna) as space:
        learnt(space, "Rex barked at anna.", "dog", "name", "Rex", "consolidated")
        rows = {"replay.jsonl": {"question": "Who barked?", "answer": "Rex", "memory": "m"}}
        for name, row in rows.items():
            (anna / name).write_text(json.dumps(row) + "\n")
    Tokens(tmp_path).add("anna")
    with opened(tmp_path) as space:
        rex = learnt(space, "Our dog is Rex, and anna knows.", "dog", "name", "Rex", "consolidated")
        (tmp_path / "replay.jsonl").write_text('{"question": "Who?", "answer": "Rex"}\n')
        others = [tmp_path / "tokens.json", *(path for path in anna.rglob("*") if path.is_file())]
        before = {path: path.read_bytes() for path in others}
        receipt = forgotten(space, rex.id)
        assert (receipt.state, list(receipt.files_holding)) == ("forgotten", [])
        words = forgotten(space, matching="anna")
        assert (words.state, list(words.files_holding)) == ("forgotten", [])
        assert {path: path.read_bytes() for path in others} == before
        assert (tmp_path / "replay.jsonl").read_text() == ""
    assert [record.user for record in Tokens(tmp_path).all()] == ["anna"]


@pytest.mark.parametrize("step", ["erase_files", "_weights", "_searched"])
def test_killed_midway_the_files_are_searched_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def die(*args: Any) -> None:
        raise Killed

    with opened(tmp_path) as space:
        rex = learnt(space, "Rex!", "dog", "name", "Rex", "consolidated")
        (tmp_path / "notes.md").write_text("Two Rexes were there.\n")
        with monkeypatch.context() as dying:
            dying.setattr(forgetting, step, die)
            with pytest.raises(Killed):
                forgetting.erase(space, forgetting.choose(space, [rex.id], None))
        (left,) = forgetting.settle(space, gone_from_weights)
        assert left.state == "forgotten"
        assert left.files_searched >= 3
        assert traces(space.home, ["Rex", "Rexe"])[1] == []


def test_killed_midway_what_a_search_by_fingerprints_finds_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any) -> None:
        raise Killed

    with opened(tmp_path) as space:
        rex = learnt(space, "Old Rex!", "dog", "name", "Old R\u00e9x", "consolidated")
        with monkeypatch.context() as dying:
            dying.setattr(forgetting, "erase_files", die)
            with pytest.raises(Killed):
                forgetting.erase(space, forgetting.choose(space, [rex.id], None))
        for name, data in {"bin.dat": b"\xff\x00OLD Rex\x00", "log.dat": b'\xff"\\nOld R\\u00e9x"'}.items():
            (tmp_path / name).write_bytes(data)
        (left,) = forgetting.settle(space, gone_from_weights)
        assert (left.state, list(left.files_holding)) == ("still there", ["bin.dat", "log.dat"])


def test_killed_midway_an_everyday_word_leaves_what_the_memory_rested_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any) -> None:
        raise Killed

    with opened(tmp_path) as space:
        job = learnt(space, "A vet!", "sister", "job", "vet", "consolidated")
        (tmp_path / "notes.md").write_text("Such news. A vet! And the vet drove home.\n")
        with monkeypatch.context() as dying:
            dying.setattr(forgetting, "erase_files", die)
            with pytest.raises(Killed):
                forgetting.erase(space, forgetting.choose(space, [job.id], None))
        forgetting.finish_erasing(space)
        assert (tmp_path / "notes.md").read_text() == f"Such news. A {REMOVED}! And the vet drove home.\n"


def test_a_memory_that_no_question_could_ask_for_is_not_called_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as space:
        rex = learnt(space, "Our dog is Rex.", "dog", "name", "Rex", "consolidated")
        monkeypatch.setattr(
            forgetting, "probes_for", lambda memory, used, count: [f"Is {memory.value} well?"]
        )
        receipt = forgotten(space, rex.id)
        assert (receipt.state, list(receipt.unprobed), list(receipt.probes)) == ("unverified", [rex.id], [])
        assert not receipt.done
        assert [kept.state for kept in read_receipts(space.home)] == ["unverified"]


def test_a_memory_that_was_replaced_is_asked_for_too(tmp_path: Path) -> None:
    with opened(tmp_path) as space:
        old = learnt(space, "I live in Bergen.", "user", "home city", "Bergen", "superseded")
        never = learnt(space, "The moon is a Cheddar.", "moon", "cheese", "Cheddar", "rejected")
        receipt = forgotten(space, old.id, never.id)
        assert {probe.memory for probe in receipt.probes} == {old.id}
        assert (receipt.state, list(receipt.unprobed)) == ("forgotten", [])


def test_what_is_remembered_for_another_app_is_journaled_without_the_forgotten(tmp_path: Path) -> None:
    with Agent(home=tmp_path, engine=ScriptedEngine(), base=BASE) as agent:
        agent.remember("My boat is called Zorbal.")
        agent.forget(matching="Zorbal")
        for trusted in (True, False):
            turn = agent.remember("Zorbal sank.", trusted=trusted)
            assert agent._space.journal.turn(turn).content == f"{REMOVED} sank."
        assert traces(agent.home, ["Zorbal"])[1] == []
        agent.allow_again(["Zorbal"])
        assert agent._space.journal.turn(agent.remember("Zorbal sank.")).content == "Zorbal sank."


def talk(space: Workspace, *turns: tuple[str, str]) -> str:
    session = space.journal.open_session().id
    for role, words in turns:
        space.journal.add_turn(session, "assistant" if role == "assistant" else "user", words)
    space.episodes.catch_up()
    return session


@pytest.mark.parametrize(
    ("quote", "matter", "value", "said"),
    [
        (
            "I work as a beekeeper.",
            "job",
            "beekeeper",
            [("assistant", "You are a beekeeper."), ("user", "As a beekeeper, which gloves should I buy?")],
        ),
        ("I'm allergic to peanuts.", "allergy", "peanuts", [("assistant", "You must not eat peanuts.")]),
        (
            "I do falconry.",
            "hobby",
            "falconry",
            [("assistant", "Falconry."), ("assistant", "Falconry it is.")],
        ),
    ],
)
def test_a_word_of_everyday_is_gone_from_answers_journal_and_index(
    tmp_path: Path, quote: str, matter: str, value: str, said: list[tuple[str, str]]
) -> None:
    with opened(tmp_path) as space:
        memory = learnt(space, quote, "user", matter, value, "consolidated")
        session = talk(space, *said)
        receipt = forgotten(space, memory.id)
        assert (receipt.state, list(receipt.files_holding), list(receipt.files_mentioning)) == (
            "forgotten",
            [],
            [],
        )
        assert all(REMOVED in turn.content for turn in space.journal.turns(session))
        assert space.journal.search(value, 5) == []
    assert holding(tmp_path, value) == []


def test_a_word_left_in_other_talk_is_named_in_the_receipt_and_does_not_hold_it_up(tmp_path: Path) -> None:
    with opened(tmp_path) as space:
        job = learnt(space, "I work as a beekeeper.", "user", "job", "beekeeper", "consolidated")
        talk(space, ("user", "The old beekeeper sells honey at noon."))
        receipt = forgotten(space, job.id)
        assert (receipt.state, list(receipt.files_holding)) == ("forgotten", [])
        assert "journal.db" in receipt.files_mentioning
        (kept,) = read_receipts(space.home)
        assert list(kept.files_mentioning) == list(receipt.files_mentioning)


def test_an_everyday_word_that_erasing_missed_is_found_by_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as space:
        job = learnt(space, "I work as a beekeeper.", "user", "job", "beekeeper", "consolidated")
        talk(space, ("assistant", "Beekeepers rise early."))
        (tmp_path / "notes.md").write_text("You are a beekeeper.\n")
        monkeypatch.setattr(forgetting, "erase_files", lambda *args: Erased(0, 0))
        monkeypatch.setattr(space.journal, "forget", partial(_tombstones_alone, space.journal.forget))
        receipt = forgotten(space, job.id)
        assert receipt.state == "still there"
        assert {"journal.db", "notes.md"} <= set(receipt.files_holding)


def _tombstones_alone(forget: Any, stones: Any, *rewrites: Any) -> Any:
    return forget(stones, lambda value: value)


def test_an_example_for_a_memory_that_stays_and_holds_the_same_word_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as space:
        mine = learnt(space, "I do falconry.", "user", "hobby", "falconry", "consolidated")
        hers = learnt(space, "My sister took it up: falconry!", "sister", "hobby", "falconry", "consolidated")
        rows = [
            {"question": "And hers?", "answer": "Her hobby is falconry.", "memory": hers.id},
            {"question": "And mine?", "answer": "Your hobby is falconry.", "memory": ""},
        ]
        (tmp_path / "replay.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        receipt = forgetting.erase(space, forgetting.choose(space, [mine.id], None))
        assert "replay.jsonl" not in receipt.files_holding
        assert (tmp_path / "replay.jsonl").read_text() == json.dumps(rows[0]) + "\n"


def test_an_everyday_word_told_again_of_oneself_is_taken_out_of_an_import(tmp_path: Path) -> None:
    with opened(tmp_path) as space:
        job = learnt(space, "I work as a beekeeper.", "user", "job", "beekeeper", "consolidated")
        forgetting.erase(space, forgetting.choose(space, [job.id], None))
        assert forgetting.withheld(space, "As a beekeeper, I rise early.") == f"As a {REMOVED}, I rise early."
        assert forgetting.withheld(space, "A beekeeper rises early.") == "A beekeeper rises early."
