"""`dormouse verify`: a file of claims in, a line of JSON each out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli, write_lines

ADD = {"id": 1, "verifier": "tests", "code": "def f(x): return x + 1", "tests": "assert f(1) == 2"}


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_gets_one_line_in_its_order(cli: Cli, folder: Path) -> None:
    rows = [
        ADD,
        {**ADD, "id": "b", "code": "import time\ntime.sleep(0.5)\ndef f(x): return None"},
        {"id": None, "verifier": "match", "answer": "Paris", "expect": "paris"},
        {"verifier": "python", "code": "print(3)", "expect": ["4", "5"]},
    ]
    ran = cli("verify", write_lines(folder / "f.jsonl", *rows), "--json")
    assert (ran.code, ran.err) == (0, "")
    found = lines(ran.out)
    assert [list(row) for row in found] == [["id", "verdict", "evidence", "seconds"]] * 4
    assert [row["id"] for row in found] == [1, "b", None, None]
    assert [row["verdict"] for row in found] == ["passed", "failed", "passed", "failed"]
    assert found[1]["seconds"] >= 0.5


def test_a_person_gets_a_table(cli: Cli, folder: Path) -> None:
    ran = cli("verify", write_lines(folder / "f.jsonl", ADD, {**ADD, "code": "x = 1"}))
    assert ran.code == 0
    assert "cost" in ran.out and "s of processor" in ran.out
    assert "passed  1" in ran.out and "failed  1" in ran.out and "does not hold" not in ran.err


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([1], "it must be a JSON object"),
        ({"id": 1}, "the key 'verifier' is missing"),
        ({"verifier": "oracle"}, "there is no verifier 'oracle'; there are abstention, "),
        ({"verifier": 3}, "verifier must be a name, and it is 3"),
        ({**ADD, "id": [1]}, "id must be a string or a number, and it is [1]"),
        ({**ADD, "code": ["x"]}, 'code must be a string, and it is ["x"]'),
        ({**ADD, "tests": 1}, "tests must be a string or a list of strings, and it is 1"),
        ({**ADD, "tests": ""}, "tests is empty"),
        ({"verifier": "tests", "code": "x"}, "the key 'tests' is missing"),
        ({**ADD, "test": "x"}, 'the key "test" is not known to tests; the keys are id, verifier, code, '),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_judged(cli: Cli, folder: Path, row: object, says: str) -> None:
    ran = cli("verify", write_lines(folder / "f.jsonl", ADD, row), "--json")
    assert ran.code == 2
    assert ran.document["error"].startswith(f"Line 2 of {folder / 'f.jsonl'} cannot be used: {says}")
    assert ran.err.count("\n") == 1 and "Traceback" not in ran.err


def test_the_spec_sets_the_limits(cli: Cli, folder: Path) -> None:
    (folder / "dormouse.yaml").write_text("sandbox: {timeout_s: 1}\nverify: {cores: 2}\n")
    endless = {**ADD, "code": "while True: pass"}
    ran = cli("verify", write_lines(folder / "f.jsonl", endless, endless), "--json")
    assert [row["evidence"] for row in lines(ran.out)] == ["still running after 1 s"] * 2


def test_without_a_sandbox_it_says_what_that_risks(cli: Cli, folder: Path) -> None:
    (folder / "dormouse.yaml").write_text("sandbox: none\n")
    ran = cli("verify", write_lines(folder / "f.jsonl", ADD), "--json")
    assert lines(ran.out)[0]["verdict"] == "passed"
    assert "runs as you, with your files, network and rights" in ran.err


def test_where_no_sandbox_works_code_is_refused(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dormouse.verifiers.sandbox import choose

    choose.open_sandbox.cache_clear()
    monkeypatch.setattr(choose, "_fault", lambda name, settings: "it is not here")
    ran = cli("verify", write_lines(folder / "f.jsonl", ADD), "--json")
    choose.open_sandbox.cache_clear()
    assert ran.code == 1
    assert "Code is not run" in ran.err and "set `sandbox: none`" in ran.err
