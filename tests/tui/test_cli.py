"""The command line: what each command prints, and with which exit code, on a model of a few hundred
kilobytes.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adapter_builds import build_folder, exam_of, unsaved
from command_line import Cli, command, environment, write_lines
from night_parts import a_memory

from dormouse.memory.adapters import Registry
from dormouse.memory.base_weights import resolve
from dormouse.memory.home import Home, cache_path
from dormouse.memory.journal import Journal, Memory, memory_id
from dormouse.sleep.errors import NightFailed
from dormouse.sleep.records import NightReport, Progress
from dormouse.tui.cli import run

COMMANDS = [
    "chat",
    "tell",
    "ask",
    "sleep",
    "exam",
    "memories",
    "log",
    "show",
    "diff",
    "rollback",
    "night",
    "why",
    "status",
    "doctor",
    "schema",
    "init",
    "demo",
]


def publish(folder: Path, gguf: Path, content: str, answers: dict[str, str]) -> str:
    base = resolve(str(gguf), cache_path())
    registry = Registry(folder / "home" / "adapters", base.sha256)
    id = registry.add(
        build_folder(folder / "build", content), unsaved(base_sha256=base.sha256, memories=(content,))
    ).id
    shutil.rmtree(folder / "build")
    registry.record_exam(id, exam_of(id, True, **answers))
    registry.publish(id)
    return id


def test_help_names_every_command(cli: Cli) -> None:
    for arguments in ([], ["--help"]):
        ran = cli(*arguments)
        assert ran.code == 0
        listed = [line.split()[0] for line in ran.out.split("Commands:")[1].splitlines() if line.strip()]
        assert set(COMMANDS) <= set(listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_the_shared_options(cli: Cli, name: str) -> None:
    ran = cli(name, "--help")
    assert ran.code == 0
    assert "--home" in ran.out and "--spec" in ran.out
    if name != "chat":
        assert "--json" in ran.out


def test_status_of_an_untouched_home_creates_nothing(cli: Cli, folder: Path) -> None:
    ran = cli("status", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["name"] == "tiny"
    assert ran.document["base"]["architecture"] == "llama"
    assert (ran.document["turns"], ran.document["adapter"], ran.document["memories"]) == (0, None, {})
    assert not (folder / "home").exists()
    assert cli("status").out.startswith("agent")


def test_tell_then_status_and_ask(cli: Cli, folder: Path) -> None:
    day = write_lines(
        folder / "day.jsonl",
        {"session": "s1", "content": "My dog is called Zorbal."},
        {"session": "s2", "content": "Hello."},
        {"session": "s1", "content": "And you?"},
    )
    told = cli("tell", day, "--json")
    assert (told.code, told.err) == (0, "")
    assert (told.document["turns"], told.document["sessions"]) == (3, ["s1", "s2"])
    assert [reply["session"] for reply in told.document["replies"]] == ["s1", "s2", "s1"]
    held = cli("status", "--json").document
    assert (held["sessions"], held["turns"], held["to_sleep_on"]) == (2, 6, 3)
    answer = cli("ask", "What is my dog called?", "--json").document
    assert list(answer) == ["answer", "abstained", "sources", "adapter", "tokens", "ms", "prompt_tokens"]
    assert (answer["sources"][0], answer["adapter"]) == (1, None)
    assert cli("ask", "What is my dog called?", "--tiers", "weights", "--json").document["sources"] == []
    assert cli("status", "--json").document["turns"] == 6, "ask is not journaled"
    assert "Told 3 turns in 2 sessions" in cli("tell", day).out


def test_exam_has_the_documented_shape(cli: Cli, folder: Path) -> None:
    exam = write_lines(
        folder / "exam.jsonl",
        {"id": "a", "question": "dog?", "kind": "fact", "expect": ["Zorbal"], "forbid": []},
        {"id": "b", "question": "cat?", "kind": "unknown"},
        {"id": "c", "question": "sky?", "kind": "skill", "expect": ["blue"]},
        {"id": "d", "question": "owl?", "kind": "forgotten"},
    )
    ran = cli("exam", exam, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert set(ran.document) == {"kinds", "items"}
    assert {kind: count["n"] for kind, count in ran.document["kinds"].items()} == {
        "fact": 1,
        "unknown": 1,
        "skill": 1,
        "forgotten": 1,
    }
    assert [item["id"] for item in ran.document["items"]] == ["a", "b", "c", "d"]
    assert all(set(item) == {"id", "answer", "passed"} for item in ran.document["items"])
    assert cli("exam", exam, "--tiers", "both").code == 0


def test_home_and_spec_stand_before_or_after_and_after_wins(cli: Cli, folder: Path, gguf: Path) -> None:
    (folder / "other.yaml").write_text(f"name: other\nmodel: {gguf}\n")
    for arguments in (
        ["--home", "h", "--spec", "other.yaml", "status", "--json"],
        ["status", "--home", "h", "--spec", "other.yaml", "--json"],
        ["--home", "x", "--spec", "y", "status", "--json", "--home=h", "--spec=other.yaml"],
        ["--home", "h", "status", "--spec", "other.yaml", "--json"],
    ):
        document = cli(*arguments).document
        assert (document["name"], document["home"]) == ("other", str(folder / "h"))


def test_every_command_works_without_any_file(cli: Cli, folder: Path) -> None:
    (folder / "dormouse.yaml").unlink()
    for looking in ("status", "memories", "log", "schema"):
        assert cli(looking, "--json").code == 0
    assert cli("status", "--json").document["base"]["source"] == "embedded"


def test_log_show_diff_rollback(cli: Cli, folder: Path, gguf: Path) -> None:
    first = publish(folder, gguf, "one", {"dog": "Rex", "cat": "Tom"})
    second = publish(folder, gguf, "two", {"dog": "Zorbal", "cat": "Tom"})
    log = cli("log", "--json").document["log"]
    assert [(entry["action"], entry["adapter"]) for entry in log] == [("publish", first), ("publish", second)]
    assert second in cli("log").out
    shown = cli("show", "--json").document
    assert (shown["manifest"]["id"], shown["served"], shown["exam"]["passed"]) == (second, True, True)
    assert "About two." in cli("show", second[:6]).out
    assert cli("show", first, "--json").document["served"] is False
    changes = cli("diff", first, second, "--json").document
    assert [memory["id"] for memory in changes["memories_added"]] == ["two"]
    assert [change["id"] for change in changes["exam_changed"]] == ["dog"]
    assert "+ About two.\n- About one.\n? dog? 'Rex' -> 'Zorbal'\n" in cli("diff", first, second).out
    assert cli("rollback", "--json").document == {"adapter": first}
    assert cli("status", "--json").document["adapter"] == first
    assert cli("rollback", "base").out == "Serving the bare base.\n"
    assert cli("status", "--json").document["adapter"] is None


def test_show_marks_the_adapter_that_serves_not_a_later_one_that_is_damaged(
    cli: Cli, folder: Path, gguf: Path
) -> None:
    first, second = (publish(folder, gguf, content, {}) for content in ("one", "two"))
    (folder / "home" / "adapters" / second / "adapter.gguf").write_bytes(b"GGUF cut")
    assert cli("status", "--json").document["adapter"] == first
    assert [cli("show", id, "--json").document["served"] for id in (first, second)] == [True, False]


def test_rollback_says_that_what_is_lost_is_learnt_again(cli: Cli, folder: Path, gguf: Path) -> None:
    with Home.open(folder / "home", command="a test") as home, Journal(home.journal_path) as journal:
        journal.add_turn(journal.open_session("s1").id, "user", "It is Vex.")
        memory = a_memory("dog", "name", "Vex", state="consolidated")
        journal.put_memories([memory])
    publish(folder, gguf, memory.id, {})
    assert cli("memories", "--json").document["memories"][0]["state"] == "consolidated"
    said = "Serving the bare base; the next night learns again what it does not hold (memories: 1).\n"
    assert cli("rollback", "base").out == said
    assert cli("memories", "--json").document["memories"][0]["state"] == "admitted"
    assert cli("status", "--json").document["memories"] == {"admitted": 1}


def test_memories_and_the_words_they_rest_on(cli: Cli, folder: Path) -> None:
    with Home.open(folder / "home", command="a test") as home, Journal(home.journal_path) as journal:
        turn = journal.add_turn(journal.open_session("s1").id, "user", "We named her Zorbal [bold].")
        id = memory_id("dog", "name", "Zorbal", [turn.id])
        journal.put_memories(
            [Memory(id, "dog", "name", "Zorbal", turn.content, "Zorbal [b].", (turn.id,), turn.created_at)]
        )
    listed = cli("memories", "--json").document["memories"]
    assert [(m["id"], m["state"], m["turns"]) for m in listed] == [(id, "admitted", [turn.id])]
    assert cli("memories", "--state", "rejected", "--json").document == {"memories": []}
    assert "`dormouse night`" in cli("memories", "--state", "rejected").out
    assert cli("memories", "--state", "superseded").out == "No memory is superseded.\n"
    assert "Zorbal [b]." in cli("memories").out, "what a memory says is not markup"
    assert "We named her Zorbal [bold]." in cli("show", id[:4]).out


def test_looking_works_while_another_process_has_the_home(cli: Cli, folder: Path) -> None:
    with Home.open(folder / "home", command="dormouse sleep"):
        for looking in ("status", "memories", "log"):
            assert cli(looking, "--json").code == 0
        for arguments in (["ask", "hi"], ["rollback"], ["sleep"]):
            ran = cli(*arguments)
            assert ran.code == 1
            assert f"process {os.getpid()} (dormouse sleep)" in ran.err


def test_schema_and_init(cli: Cli, folder: Path) -> None:
    assert cli("schema").document == cli("schema", "--json").document
    assert cli("schema").document["properties"]["persona"]["description"]
    assert cli("init", "mine.yaml", "--json").document == {"path": "mine.yaml"}
    assert cli("--spec", "mine.yaml", "status", "--json").code == 0
    assert cli("init", "mine.yaml").code == 2
    assert cli("schema", "--home", "h", "--spec", "absent.yaml").code == 0
    assert cli("init", "other.yaml", "--home", "h", "--spec", "absent.yaml").code == 0
    assert cli("init", "mine.yaml", "--force").code == 0


def test_json_is_all_there_is_on_stdout(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when something below prints, in Python or straight to the descriptor."""
    from dormouse.runtime import views

    real = views.status

    def noisy(space: Any) -> Any:
        print("noise")
        os.write(1, b"raw noise\n")
        return real(space)

    monkeypatch.setattr(views, "status", noisy)
    ran = cli("status", "--json")
    assert ran.document["name"] == "tiny"
    assert "noise" in ran.err


def test_a_fault_of_ours_is_a_sentence_too(cli: Cli, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    from dormouse.runtime import views

    def broken(space: Any) -> Any:
        raise KeyError("x\ny")

    monkeypatch.setattr(views, "status", broken)
    ran = cli("status", "--json")
    assert (ran.code, ran.document["exit_code"]) == (1, 1)
    assert "This is a fault in Dormouse (KeyError" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("DORMOUSE_DEBUG", "1")
    with pytest.raises(KeyError):
        run(["status"])


def test_help_starts_fast_and_loads_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys; from dormouse.tui.cli import run; run(['--help']); "
        "print(sorted({'pydantic','sqlalchemy','rich','langgraph','llama_cpp','numpy'} & set(sys.modules)))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.stdout.splitlines()[-1] == "[]"
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert worked < 0.6, "seconds of processor time; 0.15 on a machine that is not busy"


def test_a_reader_that_goes_away_is_no_error(folder: Path) -> None:
    with command("schema") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """The programs begun meanwhile can be interrupted, though these tests were begun in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def waiting(folder: Path, interruptible: None) -> Iterator[subprocess.Popen[str]]:
    """A chat that waits for its next line."""
    with command("chat", "--plain", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("/help\n")
        process.stdin.flush()
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_without_a_traceback(
    waiting: subprocess.Popen[str], cli: Cli, number: signal.Signals, code: int
) -> None:
    locked = cli("ask", "hi")
    assert (locked.code, f"process {waiting.pid} (dormouse chat)" in locked.err) == (1, True)
    waiting.send_signal(number)
    assert waiting.wait(120) == code
    assert waiting.stderr is not None and "Traceback" not in waiting.stderr.read()
    assert cli("status", "--json").code == 0


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_a_program_that_waits_for_a_document_is_told_of_a_stop(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, stop: BaseException, code: int
) -> None:
    from dormouse.graphs import sleep

    def night(context: Any, progress: Any) -> NightReport:
        raise stop

    monkeypatch.setattr(sleep, "run_night", night)
    ran = cli("sleep", "--json")
    assert (ran.code, ran.document) == (code, {"error": "Stopped before it was done.", "exit_code": code})
    quiet = cli("sleep")
    assert (quiet.code, quiet.out, quiet.err) == (code, "", "")


def night_report(status: str) -> NightReport:
    return NightReport(
        status=status,  # type: ignore[arg-type]
        adapter="a1" if status == "published" else None,
        memories=[{"id": "m1", "statement": "The user's dog is Zorbal.", "turn_ids": [1]}],
        rejected=[{"text": "cat", "reason": "not in the quoted turn"}],
        exam={"passed": status == "published"},
        seconds={"harvest": 0.1, "consolidate": 2.0},
        train_tokens_per_s=610.0,
    )


@pytest.mark.parametrize(("status", "code"), [("published", 0), ("nothing-new", 0), ("rejected", 1)])
def test_sleep_has_the_documented_shape_and_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, status: str, code: int
) -> None:
    from dormouse.graphs import sleep

    given: list[Any] = []

    def night(context: Any, progress: Any) -> NightReport:
        given.append(context)
        progress(Progress("compact", 1, 2, "nobody is looking, so no bar is drawn"))
        print("a stage that prints")
        return night_report(status)

    monkeypatch.setattr(sleep, "run_night", night)
    ran = cli("sleep", "--json")
    assert (ran.code, ran.err) == (code, "a stage that prints\n")
    assert list(ran.document) == [
        "status",
        "adapter",
        "memories",
        "rejected",
        "exam",
        "seconds",
        "train_tokens_per_s",
    ]
    assert ran.document["status"] == status
    (context,) = given
    assert (context.persona, context.seed) == ("You are Dormouse, a helpful assistant.", 0)
    assert [verifier.name for verifier in context.verifiers] == ["support", "fiction", "affirmed"]
    shown = cli("sleep")
    assert shown.code == code
    assert "The user's dog is Zorbal." in shown.out and "not in the quoted turn" in shown.out


def test_a_night_that_fails_is_a_sentence_that_names_the_stage(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dormouse.graphs import sleep

    def night(context: Any, progress: Any) -> NightReport:
        raise NightFailed("consolidate", "The training process ended.")

    monkeypatch.setattr(sleep, "run_night", night)
    ran = cli("sleep", "--json")
    assert (ran.code, ran.document["exit_code"]) == (1, 1)
    assert ran.err.startswith("dormouse: The night failed at consolidate: ")
    assert len(ran.err.splitlines()) == 1
