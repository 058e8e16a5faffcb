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
def test_a_bad_line_is_named_in_its_place_and_the_others_are_judged(
    cli: Cli, folder: Path, row: object, says: str
) -> None:
    good = {"id": "good", "verifier": "match", "answer": "Oslo", "expect": "Oslo"}
    path = write_lines(folder / "f.jsonl", good, row, good)
    ran = cli("verify", path, "--json")
    first, bad, last = lines(ran.out)
    assert (ran.code, first["verdict"], last["verdict"]) == (2, "passed", "passed")
    fault = f"Line 2 of {path} cannot be used: {says}"
    assert bad["verdict"] == "unsure" and bad["evidence"].startswith(fault) and bad["seconds"] == 0
    assert ran.err.startswith(f"dormouse: {fault}") and ran.err.count("\n") == 1


def test_lines_that_are_not_json_have_no_id_and_are_named_in_one_sentence(cli: Cli, folder: Path) -> None:
    good = json.dumps({"id": "good", "verifier": "match", "answer": "Oslo", "expect": "Oslo"})
    path = folder / "f.jsonl"
    path.write_text("\n".join(["not json", good, '{"id": 7, "verifier": "oracle"}', "{", ""]))
    ran = cli("verify", path, "--json")
    found = lines(ran.out)
    assert ran.code == 2
    assert [(row["id"], row["verdict"]) for row in found] == [
        (None, "unsure"), ("good", "passed"), (7, "unsure"), (None, "unsure"),
    ]  # fmt: skip
    assert found[0]["evidence"] == f"Line 1 of {path} cannot be used: it is not JSON (expecting value)."
    assert ran.err == (
        f"dormouse: Line 1 of {path} cannot be used: it is not JSON (expecting value); nor can lines 3, 4.\n"
    )


def test_a_person_sees_the_bad_line_in_the_table(cli: Cli, folder: Path) -> None:
    good = {"id": "good", "verifier": "match", "answer": "Oslo", "expect": "Oslo"}
    ran = cli("verify", write_lines(folder / "f.jsonl", good, {"id": "bad"}))
    assert ran.code == 2
    assert "passed  1" in ran.out and "unsure  1" in ran.out and "\n│ bad " in ran.out
    assert "the key 'verifier' is missing" in ran.err and ran.err.count("\n") == 1


@pytest.mark.parametrize("data", [b"", b"\n \n", b"SQLite format 3\0\n{}", b"\x7fELF\xff\xfe\n"])
def test_a_file_that_is_empty_or_binary_is_judged_nowhere(cli: Cli, folder: Path, data: bytes) -> None:
    (folder / "f.jsonl").write_bytes(data)
    ran = cli("verify", folder / "f.jsonl", "--json")
    assert ran.code == 2 and ran.document["exit_code"] == 2
    assert ran.err.count("\n") == 1


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
