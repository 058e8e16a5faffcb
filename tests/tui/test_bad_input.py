"""Bad input of every kind: one sentence, the right exit code, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import build_folder, exam_of, unsaved
from command_line import Cli, Ran, ran, write_lines

from dormouse.memory.adapters import Registry
from dormouse.memory.base_weights import resolve
from dormouse.memory.home import Home, cache_path
from dormouse.memory.journal import Journal

GOOD_TURN = {"session": "s1", "content": "hello"}
GOOD_ITEM = {"id": "a", "question": "q?", "kind": "fact", "expect": ["x"]}


@dataclass(frozen=True)
class Bad:
    """One kind: what is on disk beforehand, the command line, the exit code, and words of the sentence."""

    arguments: list[str]
    says: str
    code: int = 2
    files: dict[str, bytes | list[object]] = field(default_factory=dict)


def tell(says: str, *rows: object, raw: bytes | None = None) -> Bad:
    return Bad(["tell", "f.jsonl"], says, files={"f.jsonl": raw if raw is not None else list(rows)})


def exam(says: str, *rows: object, raw: bytes | None = None) -> Bad:
    return Bad(["exam", "f.jsonl"], says, files={"f.jsonl": raw if raw is not None else list(rows)})


def spec(says: str, text: bytes, code: int = 2) -> Bad:
    return Bad(["--spec", "bad.yaml", "ask", "hi"], says, code, {"bad.yaml": text})


BAD: dict[str, Bad] = {
    "tell: missing file": Bad(["tell", "absent.jsonl"], "there is no such file"),
    "tell: a folder": Bad(["tell", "."], "it is a folder"),
    "tell: empty": tell("is empty", raw=b""),
    "tell: only blank lines": tell("is empty", raw=b"\n \n"),
    "tell: binary": tell("not UTF-8", raw=bytes(range(128, 256))),
    "tell: not JSON": tell("Line 2 of f.jsonl cannot be used: it is not JSON", raw=b"\nhello\n"),
    "tell: a list": tell("must be a JSON object", [1]),
    "tell: no session": tell("'session' is missing", {"content": "x"}),
    "tell: empty session": tell("session must be a word", {"session": "", "content": "x"}),
    "tell: no content": tell("'content' is missing", GOOD_TURN, {"session": "s"}),
    "tell: empty content": tell("it is empty", GOOD_TURN, {"session": "s", "content": " "}),
    "tell: unknown key": tell('"role" is not known', {**GOOD_TURN, "role": "system"}),
    "tell: a 1 MB line": tell("is over", {"session": "s", "content": "y" * (1 << 20)}),
    "tell: a turn over the limit": tell(
        "it has 32001 characters, and a turn is at most 32000", {"session": "s", "content": "y" * 32_001}
    ),
    "tell: a NUL": tell("control character", {"session": "s", "content": "a\0b"}),
    "exam: missing file": Bad(["exam", "absent.jsonl"], "there is no such file"),
    "exam: empty": exam("is empty", raw=b"\n"),
    "exam: unknown kind": exam("'fact', 'unknown', 'skill', 'forgotten'", {**GOOD_ITEM, "kind": "trivia"}),
    "exam: a fact nothing could fail": exam(
        "any answer would pass", {"id": "a", "question": "q?", "kind": "fact"}
    ),
    "exam: empty question": exam("question: it is empty", {**GOOD_ITEM, "question": ""}),
    "exam: an id twice": exam("was given before", GOOD_ITEM, GOOD_ITEM),
    "exam: unknown tiers": Bad(["exam", "f.jsonl", "--tiers", "all"], "'weights', 'store', 'both'"),
    "spec: missing": Bad(["--spec", "absent.yaml", "ask", "hi"], "there is no such file"),
    "spec: a folder": Bad(["--spec", ".", "ask", "hi"], "it is a folder"),
    "spec: a device": Bad(["--spec", "/dev/zero", "ask", "hi"], "it is not a file"),
    "spec: not YAML": spec("is not YAML", b"name: ["),
    "spec: binary": spec("not UTF-8", b"\xff\xfe\x00"),
    "spec: unknown key": spec("did you mean persona?", b"presona: x"),
    "spec: several faults": spec("has 2 faults", b"presona: x\nmodel: {serve_as: f15}"),
    "model: missing": spec("absent.gguf", b"model: absent.gguf"),
    "model: not a GGUF": spec("bad.yaml", b"model: bad.yaml"),
    "model: another scheme": spec("hf://", b"model: https://example.org/x.gguf"),
    "model: a malformed hub name": spec("hf://owner/repo/file.gguf", b"model: hf://nobody"),
    "ask: nothing": Bad(["ask", "  "], "it is empty"),
    "ask: too long": Bad(["ask", "y" * 32_001], "a turn is at most 32000"),
    "ask: no text": Bad(["ask"], "Missing argument"),
    "ask: bytes that are no text": Bad(["ask", "caf\udce9"], "half a character"),
    "home: a file": Bad(["--home", "f", "status"], "is a file", files={"f": b"x"}),
    "show: unknown id": Bad(["show", "feed"], "no adapter and no memory has that id"),
    "show: nothing yet": Bad(["show"], "No adapter is served yet"),
    "diff: unknown id": Bad(["diff", "feed", "beef"], "no adapter by that id"),
    "rollback: nothing yet": Bad(["rollback"], "nothing to roll back"),
    "memories: unknown state": Bad(["memories", "--state", "lost"], "'admitted'"),
    "bench: a file as --out": Bad(
        ["bench", "verify", "--out", "f"], "to f, for that is no folder", files={"f": b"x"}
    ),
    "bench: a file above --out": Bad(
        ["bench", "verify", "--out", "f/d"], "to f/d, for that is no folder", files={"f": b"x"}
    ),
    "init: something is there": Bad(["init"], "--force"),
    "unknown command": Bad(["frobnicate"], "No such command"),
    "unknown option": Bad(["status", "--jsno"], "--json"),
    "no command": Bad(["--home", "h"], "Missing command"),
}


@pytest.fixture
def kept(cli: Cli, folder: Path) -> Path:
    """The current folder, in whose home something was said already."""
    with Home.open(folder / "home", command="a test") as home, Journal(home.journal_path) as journal:
        journal.add_turn(journal.open_session("old").id, "user", "Keep this.")
    return folder


def journaled(folder: Path) -> list[tuple[str, str]]:
    with Journal(folder / "home" / "journal.db", read_only=True) as journal:
        return [
            (t.session_id, t.content) for session in journal.sessions() for t in journal.turns(session.id)
        ]


def write(files: dict[str, bytes | list[object]]) -> None:
    for name, content in files.items():
        if isinstance(content, bytes):
            Path(name).write_bytes(content)
        else:
            write_lines(Path(name), *content)


def check(result: Ran, says: str, code: int) -> None:
    assert result.code == code, result
    assert says in result.err
    assert "Traceback" not in result.err
    first, *others = result.err.rstrip("\n").split("\n")
    assert first.startswith("dormouse: ") and len(first) < 600
    assert all(line.startswith("  line ") for line in others), "only a spec's faults take a line each"


@pytest.mark.parametrize("kind", BAD)
def test_bad_input(cli: Cli, kept: Path, kind: str) -> None:
    bad = BAD[kind]
    write(bad.files)
    result = cli(*bad.arguments)
    check(result, bad.says, bad.code)
    assert result.out == ""
    assert journaled(kept) == [("old", "Keep this.")]


@pytest.mark.parametrize(
    "kind", ["tell: binary", "spec: several faults", "unknown command", "model: missing"]
)
def test_with_json_the_sentence_is_in_the_document(cli: Cli, kept: Path, kind: str) -> None:
    bad = BAD[kind]
    write(bad.files)
    result = cli(*bad.arguments, "--json")
    check(result, bad.says, bad.code)
    assert result.document["exit_code"] == bad.code
    assert result.err == f"dormouse: {result.document['error']}\n"


def test_a_truncated_base_is_refused(cli: Cli, kept: Path, gguf: Path) -> None:
    whole = gguf.read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 1):
        (kept / "cut.gguf").write_bytes(whole[:size])
        (kept / "cut.yaml").write_text("model: cut.gguf\n")
        check(cli("--spec", "cut.yaml", "ask", "hi"), "cut.gguf", 2)
    assert journaled(kept) == [("old", "Keep this.")]


def test_a_locked_home_names_its_owner(cli: Cli, kept: Path) -> None:
    with Home.open(kept / "home", command="dormouse chat"):
        for arguments in (["ask", "hi"], ["tell", "f.jsonl"], ["sleep"], ["rollback"]):
            check(cli(*arguments), f"process {os.getpid()} (dormouse chat) is using it", 1)


def test_a_damaged_journal_is_refused_and_left_as_it_is(cli: Cli, kept: Path) -> None:
    for path in (kept / "home").glob("journal.db*"):
        path.unlink()
    (kept / "home" / "journal.db").write_bytes(b"This is no journal. " * 500)
    for arguments in (["ask", "hi"], ["status"], ["memories"]):
        check(cli(*arguments), "journal.db cannot be used", 1)
    assert (kept / "home" / "journal.db").read_bytes() == b"This is no journal. " * 500


def test_a_journal_of_a_later_version_is_refused(cli: Cli, kept: Path) -> None:
    import sqlite3

    with sqlite3.connect(kept / "home" / "journal.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    check(cli("ask", "hi"), "upgrade Dormouse", 1)


def test_a_home_that_cannot_be_written_is_refused(cli: Cli, kept: Path) -> None:
    check(cli("--home", "/proc/dormouse", "ask", "hi"), "/proc/dormouse", 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_home_is_refused(cli: Cli, kept: Path) -> None:
    (kept / "home").chmod(0o500)
    try:
        check(cli("ask", "hi"), "not writable", 1)
        assert cli("status", "--json").document["turns"] == 1
    finally:
        (kept / "home").chmod(0o700)


def test_a_full_disk_is_a_sentence_and_what_was_kept_stays(kept: Path) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    write_lines(kept / "f.jsonl", *({"session": "s", "content": f"{n} " * 9_000} for n in range(40)))
    result = ran("tell", "f.jsonl", preexec_fn=no_room)
    check(result, "disk", 1)
    turns = journaled(kept)
    assert turns[0] == ("old", "Keep this.")
    assert [content for session, content in turns[1::2]] == [f"{n} " * 9_000 for n in range(len(turns) // 2)]
    assert json.loads(ran("status", "--json").out)["sessions"] == 2


def adapter(folder: Path, gguf: Path, base_sha256: str | None = None) -> str:
    base = base_sha256 or resolve(str(gguf), cache_path()).sha256
    registry = Registry(folder / "home" / "adapters", base)
    id = registry.add(build_folder(folder / "build", base), unsaved(base_sha256=base)).id
    shutil.rmtree(folder / "build")
    registry.record_exam(id, exam_of(id))
    registry.publish(id)
    return id


def make_read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a read-only file system is, to root too."""

    def refused(path: Path) -> None:
        if path.absolute().is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    make, own = Path.mkdir, Path.open

    def mkdir(self: Path, *args: Any, **options: Any) -> None:
        refused(self)
        make(self, *args, **options)

    def opened(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if mode[0] != "r":
            refused(self)
        return own(self, mode, *args, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "open", opened)


def test_without_a_cache_that_can_be_written_looking_goes_on_and_the_rest_names_the_cache(
    cli: Cli, kept: Path, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = adapter(kept, gguf)
    make_read_only(kept / "ro", monkeypatch)
    monkeypatch.setenv("DORMOUSE_CACHE", str(kept / "ro" / "c"))
    for looking in ("status", "memories", "log", "show"):
        looked = cli(looking)
        assert (looked.code, looked.err) == (0, ""), looking
    assert cli("status", "--json").document["adapter"] == id
    asked = cli("ask", "hi")
    check(asked, f"The cache folder {kept / 'ro' / 'c'}", 1)
    assert "not writable (read-only file system); name another folder with DORMOUSE_CACHE" in asked.err


def test_a_folder_to_write_to_that_is_read_only_is_not_called_the_home(
    cli: Cli, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept / "ro").mkdir()
    make_read_only(kept / "ro", monkeypatch)
    says = "cannot be used: it is not writable (read-only file system); write to another one."
    for arguments in (
        ["init", "ro/x.yaml"],
        ["bench", "verify", "--out", "ro/d"],
    ):
        refused = cli(*arguments)
        check(refused, says, 1)
        assert "dormouse: The folder " in refused.err


def test_a_foreign_adapter_is_a_warning_and_the_base_answers(cli: Cli, kept: Path, gguf: Path) -> None:
    id = adapter(kept, gguf, "f" * 64)
    asked = cli("ask", "hi", "--json")
    assert (asked.code, asked.document["adapter"]) == (0, None)
    check(Ran(1, "", asked.err), f"Adapter {id} is refused: it was made for the base ffff", 1)
    check(cli("rollback", id), "it was made for the base", 1)


def test_a_damaged_adapter_is_a_warning_and_the_base_answers(cli: Cli, kept: Path, gguf: Path) -> None:
    id = adapter(kept, gguf)
    (kept / "home" / "adapters" / id / "adapter.gguf").write_bytes(b"GGUF cut")
    asked = cli("ask", "hi", "--json")
    assert (asked.code, asked.document["adapter"]) == (0, None)
    check(Ran(1, "", asked.err), f"Adapter {id} is refused: its adapter.gguf is not the file", 1)


def test_an_adapter_llama_cpp_cannot_read_is_a_warning_and_the_base_answers(
    cli: Cli, kept: Path, gguf: Path
) -> None:
    """Whole by its checksums, and no adapter all the same: its exam was never real."""
    id = adapter(kept, gguf)
    asked = cli("ask", "hi", "--json")
    assert (asked.code, asked.document["adapter"]) == (0, None)
    check(Ran(1, "", asked.err), id, 1)
