"""Every verifier there is, with claims it must pass, fail and leave unsure: what the contract suite runs
on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dormouse.verifiers.abc import Claim, Step, Verifier
from dormouse.verifiers.abstention import Abstention
from dormouse.verifiers.affirmed import Affirmed
from dormouse.verifiers.arithmetic import Arithmetic
from dormouse.verifiers.compose import All, AnyOf, First
from dormouse.verifiers.critic import Critic
from dormouse.verifiers.ensemble import Ensemble
from dormouse.verifiers.fiction import Fiction
from dormouse.verifiers.lean import Lean
from dormouse.verifiers.match import Match
from dormouse.verifiers.python import Python
from dormouse.verifiers.schema import Schema
from dormouse.verifiers.simulator import Simulator
from dormouse.verifiers.sql import Sql
from dormouse.verifiers.support import Support
from dormouse.verifiers.tests import GivenTests


@dataclass(frozen=True)
class Sample:
    """A verifier and its claims; `unusable` are claims that can judge nothing."""

    build: Callable[[], Verifier]
    passes: Sequence[Claim] = ()
    fails: Sequence[Claim] = ()
    unsure: Sequence[Claim] = ()
    unusable: Sequence[Claim] = field(default=())


def says(question: str, choices: Sequence[str]) -> str:
    """A model of sorts: it says yes when the claim's words stand in the source."""
    if "Answer A" in question:
        return "no"
    source, claim = (line.partition(": ")[2] for line in question.splitlines()[:2])
    return "unsure" if "perhaps" in source else "yes" if claim in source else "no"


def answers(question: str, count: int) -> list[str]:
    """A model that is sure of Oslo, and of nothing else."""
    return ["Oslo."] * count if "Norway" in question else [f"It is place {chr(65 + n)}" for n in range(count)]


def reward(claim: Claim) -> float:
    """1 for a trajectory whose last step opened the door."""
    if not claim.steps:
        raise ValueError("there are no steps")
    return 1.0 if claim.steps[-1].result == "open" else 0.0


def samples(folder: Path) -> dict[str, Sample]:
    """One for each verifier, by its name. `folder` gets a database."""
    return {
        **_of_words(),
        **_of_models(),
        **_of_others(),
        **_of_formulas(),
        **_of_programs(),
        "sql": _of_sql(folder),
    }


def _of_words() -> dict[str, Sample]:
    """Those that read."""
    return {
        "abstention": Sample(Abstention, [Claim("I don't know.")], [Claim("Oslo.")]),
        "affirmed": Sample(
            Affirmed,
            [Claim("Oslo", source="I live in Oslo")],
            unsure=[Claim("Oslo", source="I no longer live in Oslo")],
        ),
        "fiction": Sample(
            Fiction, [Claim("x", source="I live here")], unsure=[Claim("x", source="imagine that")]
        ),
        "match": Sample(
            Match,
            [
                Claim("It is Oslo", expect=("oslo",)),
                Claim("about 3.14", expect=("3.1416",), fields={"how": "number", "tolerance": 0.01}),
                Claim("abc", expect=("^a.c$",), fields={"how": "regex"}),
                Claim(" x ", expect=("x",), fields={"how": "exact"}),
            ],
            [
                Claim("Rome", expect=("Oslo",)),
                Claim("Oslo or Rome", expect=("Oslo",), forbid=("Rome",)),
                Claim("3", expect=("4",), fields={"how": "number"}),
                Claim("xy", expect=("x",), fields={"how": "exact"}),
            ],
            [],
            [Claim("x"), Claim("x", expect=("(",), fields={"how": "regex"})],
        ),
        "support": Sample(
            Support, [Claim("dog", source="I have a dog")], [Claim("cat", source="I have a dog")]
        ),
    }


def _of_models() -> dict[str, Sample]:
    """Those that ask somebody, or something."""
    return {
        "critic": Sample(
            lambda: Critic(says),
            [Claim("a dog", source="I have a dog")],
            [Claim("a cat", source="I have a dog")],
            [Claim("a dog", source="perhaps a dog")],
        ),
        "ensemble": Sample(
            lambda: Ensemble([answers], says),
            [Claim("It is Oslo", source="Capital of Norway?")],
            [Claim("Bergen", source="Capital of Norway?")],
            [Claim("Paris", source="Where?")],
        ),
        "simulator": Sample(
            lambda: Simulator(reward),
            [Claim("done", steps=(Step("push", {"hard": True}, "open"),))],
            [Claim("done", steps=(Step("push", {}, "shut"),))],
            [Claim("done")],
        ),
    }


def _of_others() -> dict[str, Sample]:
    """Those made of others."""
    return {
        "all": Sample(
            lambda: All([Match(), Fiction()]),
            [Claim("Oslo", expect=("oslo",))],
            [Claim("Rome", expect=("oslo",))],
            [Claim("Oslo", expect=("oslo",), source="imagine")],
        ),
        "any": Sample(
            lambda: AnyOf([Match(), Fiction()]),
            [Claim("Oslo", expect=("oslo",)), Claim("Rome", expect=("oslo",))],
            unsure=[Claim("Rome", expect=("oslo",), source="imagine")],
        ),
        "first": Sample(
            lambda: First([Fiction(), Match()]),
            [Claim("Rome", expect=("oslo",))],
            [Claim("Rome", expect=("oslo",), source="imagine")],
        ),
    }


def _of_formulas() -> dict[str, Sample]:
    """Those that reckon, and prove."""
    return {
        "arithmetic": Sample(
            Arithmetic,
            [Claim("12 * 3 = 36\n36 + 4 = 40", expect=("40",)), Claim("sqrt(8) = 2*sqrt(2)")],
            [Claim("12 * 3 = 35"), Claim("it is 7", expect=("8",)), Claim("sqrt(2) = 1.5")],
            [Claim("2x = 10"), Claim("9^9^9^9 = 1"), Claim("cats = dogs")],
            [Claim("no steps")],
        ),
        "lean": Sample(
            Lean, unsure=[Claim("theorem a : 1 = 1 := by run_tac 1")], unusable=[Claim("def x := 1")]
        ),
        "schema": Sample(
            Schema,
            [Claim('{"a": 1}', fields={"schema": {"required": ["a"]}})],
            [
                Claim("{}", fields={"schema": {"required": ["a"]}}),
                Claim("{", fields={"schema": {"type": "null"}}),
            ],
            unusable=[
                Claim("1", fields={"schema": {}}),
                Claim("1", fields={"schema": {"type": "oval"}}),
                Claim("1", fields={"schema": {"$ref": "http://localhost:1/x"}}),
            ],
        ),
    }


def _of_programs() -> dict[str, Sample]:
    """Those that run what is claimed."""
    adds = "def add(a, b): return a + b"
    return {
        "python": Sample(
            Python,
            [Claim("print(6 * 7)", expect=("42",)), Claim("assert input() == 'a'", fields={"stdin": "a\n"})],
            [Claim("print(6)", expect=("42",)), Claim("1 / 0"), Claim("import os\nos._exit(0)")],
            [Claim("import sys\nsys.exit(0)")],
        ),
        "tests": Sample(
            GivenTests,
            [Claim("", fields={"code": adds, "tests": "assert add(1, 2) == 3"})],
            [Claim("", fields={"code": "def add(a, b): return None", "tests": "assert add(1, 2) == 3"})],
            [Claim("", fields={"code": adds, "tests": "assert True"})],
            [Claim("", fields={"code": adds, "tests": ""})],
        ),
    }


def _of_sql(folder: Path) -> Sample:
    database = folder / "people.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE people (name TEXT, age INTEGER)")
        connection.execute("INSERT INTO people VALUES ('Ann', 30), ('Bo', 40)")
    connection.close()
    rows = [["Ann", 30], ["Bo", 40]]

    def query(text: str, **fields: object) -> Claim:
        return Claim(text, fields={"database": str(database), **fields})

    return Sample(
        Sql,
        [
            query("SELECT * FROM people ORDER BY age DESC", expect=rows),
            query("SELECT count(*) FROM people", sql="SELECT 2.0"),
        ],
        [
            query("SELECT * FROM people ORDER BY age DESC", expect=rows, ordered=True),
            query("SELECT name FROM people", expect=rows),
            query("DELETE FROM people", expect=[]),
            query("ATTACH '/tmp/x.db' AS x", expect=[]),
            query("SELECT", expect=[]),
        ],
        unusable=[query("SELECT 1"), query("SELECT 1", sql="SELECT x")],
    )
