"""The tools one may declare: what they take is what their makers wrote, and what fails is a clause."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from toolboxes import around

from dormouse.graphs.abc import Tool, ToolFailed, Where
from dormouse.memory.grammar.constraint import constraint
from dormouse.memory.journal import Journal
from dormouse.runtime.errors import UnusableTool
from dormouse.runtime.settings import ToolEntry, ToolSettings
from dormouse.runtime.toolbox import mcp_servers
from dormouse.runtime.toolbox.build import Toolbox
from dormouse.runtime.toolbox.files import Files
from dormouse.runtime.toolbox.imported import ImportedTool, imported
from dormouse.runtime.toolbox.mcp_servers import McpServer, ServerAddress
from dormouse.runtime.toolbox.memories import NOTES, Forget, Recall, Remember
from dormouse.runtime.toolbox.sandboxed import PythonTool
from dormouse.verifiers.settings import SandboxSettings

SERVER = Path(__file__).parents[1] / "mcp_server.py"


class Place(BaseModel):
    """Where."""

    city: str
    zone: Literal["a", "ö"] = "a"


def book(place: Place, nights: Annotated[int, Field(ge=1, le=9)], notes: list[str] | None = None) -> str:
    """Books a room.

    It does not pay for it.

    Args:
        place: where the room is
        nights (int): how many nights

    Returns:
        place: this is no argument
    """
    return f"{place.city}/{place.zone}/{nights}/{notes}"


def sphinx(a: int, b: float = 1.5) -> dict[str, float]:
    """Adds up.

    :param a: the first
    :param float b: the second
    """
    return {"sum": a + b}


async def slow(seconds: float) -> str:
    """Sleeps."""
    import asyncio

    await asyncio.sleep(seconds)
    return "slept"


def test_a_callable_is_what_its_signature_and_docstring_say() -> None:
    tool = ImportedTool(book)
    assert (tool.name, tool.description) == ("book", "Books a room.")
    properties = tool.parameters["properties"]
    assert properties["nights"] == {
        "description": "how many nights",
        "maximum": 9,
        "minimum": 1,
        "title": "Nights",
        "type": "integer",
    }
    assert properties["place"]["description"] == "where the room is"
    assert tool.parameters["required"] == ["place", "nights"]
    made = constraint(tool.parameters)
    value = made.settled('{"place": {"city": "Bodø", "zone": "ö"}, "nights": 3').value
    assert tool.call(value) == "Bodø/ö/3/None"
    assert json.loads(ImportedTool(sphinx).call({"a": 1})) == {"sum": 2.5}
    assert ImportedTool(sphinx).parameters["properties"]["b"]["description"] == "the second"


def test_what_a_callable_raises_or_never_ends_is_a_clause() -> None:
    def broken(x: int) -> int:
        raise KeyError("no such thing")

    with pytest.raises(ToolFailed, match="KeyError: 'no such thing'"):
        ImportedTool(broken).call({"x": 1})
    with pytest.raises(ToolFailed, match="nights"):
        ImportedTool(book).call({"place": {"city": "x"}, "nights": 99})
    assert ImportedTool(slow).call({"seconds": 0.0}) == "slept"
    with pytest.raises(ToolFailed, match="longer than"):
        ImportedTool(slow, timeout_s=0.1).call({"seconds": 2.0})


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("no_such_module_here:f", "cannot be imported"),
        ("json:nothing", "json has no nothing"),
        ("json:__name__", "not callable"),
        ("socket:socket.sendto", "signature|given by name"),
    ],
)
def test_callables_that_cannot_be_offered_are_refused(place: str, said: str) -> None:
    with pytest.raises(UnusableTool, match=said):
        imported(place)


def test_modules_beside_the_spec_are_found(tmp_path: Path) -> None:
    (tmp_path / "beside_the_spec.py").write_text("def hello(name: str) -> str:\n    return 'hi ' + name\n")
    tool = imported("beside_the_spec:hello", folder=str(tmp_path), name="greet")
    assert tool.name == "greet" and tool.call({"name": "Ann"}) == "hi Ann"
    assert str(tmp_path) not in sys.path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.txt").write_text("hello")
    (inside / "sub" / "b.txt").write_text("wörld")
    (tmp_path / "secret.txt").write_text("secret")
    (inside / "link.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "up").symlink_to(tmp_path)
    (inside / "near").symlink_to("sub")
    (inside / "binary").write_bytes(b"\xff\x00")
    os.mkfifo(inside / "pipe")
    return inside


def test_files_lists_reads_and_writes_within_its_folder(folder: Path) -> None:
    tool = Files(folder, write=True)
    assert "sub/" in tool.call({"action": "list", "path": "."}).splitlines()
    assert tool.call({"action": "read", "path": "sub/./b.txt"}) == "wörld"
    assert "Wrote" in tool.call({"action": "write", "path": "new/deep/c.txt", "text": "hé"})
    assert (folder / "new/deep/c.txt").read_text() == "hé"
    assert sorted(path.name for path in (folder / "new/deep").iterdir()) == ["c.txt"]
    assert tool.approval == "ask" and Files(folder).approval == "never"


ESCAPES = ["../secret.txt", "sub/../../secret.txt", "link.txt", "up/secret.txt", "near/b.txt", "/etc/passwd"]
ESCAPES += ["~/x", "up", "up/inside/a.txt", "sub/../a.txt", "a\0b"]


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("action", ["list", "read", "write"])
def test_no_path_leads_out_of_the_folder(folder: Path, path: str, action: str) -> None:
    before = sorted(str(each) for each in folder.parent.rglob("*"))
    with pytest.raises(ToolFailed):
        Files(folder, write=True).call({"action": action, "path": path, "text": "x"})
    assert sorted(str(each) for each in folder.parent.rglob("*")) == before
    assert (folder.parent / "secret.txt").read_text() == "secret"


@given(path=st.lists(st.sampled_from(["..", ".", "sub", "up", "near", "a.txt", "", "/"]), max_size=6))
@settings(max_examples=60, deadline=None)
def test_no_mixture_reads_the_secret(tmp_path_factory: pytest.TempPathFactory, path: list[str]) -> None:
    root = tmp_path_factory.mktemp("files")
    (root / "inside" / "sub").mkdir(parents=True)
    (root / "secret.txt").write_text("secret")
    (root / "inside" / "up").symlink_to(root)
    tool = Files(root / "inside")
    for action in ("read", "list"):
        try:
            assert "secret" not in tool.call({"action": action, "path": "/".join([*path, "secret.txt"])})
            assert "secret" not in tool.call({"action": action, "path": "/".join(path) or "."})
        except ToolFailed:
            pass


@pytest.mark.parametrize("path", ["binary", "pipe", "sub", ".", "absent"])
def test_what_is_no_text_file_is_not_read(folder: Path, path: str) -> None:
    with pytest.raises(ToolFailed):
        Files(folder).call({"action": "read", "path": path})


def test_files_does_not_write_unless_told(folder: Path) -> None:
    with pytest.raises(ToolFailed, match="may not write"):
        Files(folder).call({"action": "write", "path": "x", "text": "y"})
    assert not constraint(Files(folder).parameters).validates({"action": "write", "path": "x", "text": "y"})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.db") as opened:
        yield opened


def test_only_a_note_the_owner_said_yes_to_is_learnt(journal: Journal) -> None:
    tool = Remember(journal)
    assert tool.approval == "always"
    tool.call_in({"note": "The code is 1234."}, Where("s1", 1))
    tool.call_in({"note": "The boiler is old."}, Where("s1", 1, approved=True))
    assert [turn.content for turn in journal.unharvested()] == ["The boiler is old."]
    assert [turn.trusted for turn in journal.turns(NOTES)] == [False, True]
    recall = Recall(lambda text, k: [turn for turn, _ in journal.search(text, k)], lambda: str)
    found = recall.call({"query": "boiler code"})
    assert "The boiler is old." in found and "1234" not in found
    assert recall.call({"query": "zebra"}) == "Nothing was found."


def test_nothing_is_forgotten_without_a_yes() -> None:
    asked: list[str] = []

    def forget(words: str) -> int:
        asked.append(words)
        return 2

    with pytest.raises(ToolFailed, match="yes"):
        Forget(forget).call({"matching": "boiler"})
    assert not asked
    assert "2 memories" in Forget(forget).call_in({"matching": "boiler"}, Where("s1", 1, approved=True))


def test_python_runs_in_the_sandbox_and_shows_its_last_value() -> None:
    tool = PythonTool(SandboxSettings(kind="none", timeout_s=120))
    assert tool.call({"code": "x = 6\nx * 7"}) == "42"
    assert tool.call({"code": "print('a')\nNone"}).split() == ["a"]
    assert tool.call({"code": "y = 1"}) == "It ran, and printed nothing."
    for broken in ("1 / 0", "x = (", "import sys; sys.exit(3)"):
        with pytest.raises(ToolFailed):
            tool.call({"code": broken})
    with pytest.raises(ToolFailed, match="stopped"):
        PythonTool(SandboxSettings(kind="none", timeout_s=0.5)).call({"code": "while True: pass"})


def tools_of(journal: Journal, offer: list[Any], warnings: list[str], closing: ExitStack) -> dict[str, Tool]:
    entries = ToolSettings.model_validate({"offer": offer}).offer
    return {tool.name: tool for tool in Toolbox(entries, around(journal, warnings, closing)).tools}


def test_declared_tools_are_made_with_their_settings(journal: Journal, folder: Path) -> None:
    offer = [
        "clock",
        {"name": "files", "folder": str(folder), "approval": "always", "result_tokens": 99},
        {"import": f"{__name__}:sphinx", "name": "sum", "example": {"say": "1+2", "arguments": {"a": 1}}},
    ]
    with ExitStack() as closing:
        sys.modules.setdefault(__name__, sys.modules[sphinx.__module__])
        tools = tools_of(journal, offer, [], closing)
    assert list(tools) == ["clock", "files", "sum"]
    assert (tools["files"].approval, tools["files"].result_tokens) == ("always", 99)
    assert tools["sum"].example == ("1+2", {"a": 1})


@pytest.mark.parametrize(
    ("offer", "said"),
    [
        (["clock", "clock"], "that name is taken"),
        ([{"name": "files"}], "needs a folder"),
        ([{"name": "files", "folder": "/no/such/folder"}], "is not there"),
        ([{"name": "calculator", "example": {"say": "x", "arguments": {"y": 1}}}], "do not fit"),
    ],
)
def test_declarations_that_cannot_be_kept_are_refused(journal: Journal, offer: list[Any], said: str) -> None:
    with ExitStack() as closing, pytest.raises(UnusableTool, match=said):
        tools_of(journal, offer, [], closing)


@pytest.fixture(scope="module")
def stdio() -> Iterator[McpServer]:
    address = ServerAddress((sys.executable, str(SERVER)), environment={"GIVEN": "yes"})
    server = McpServer(address, timeout_s=120)
    yield server
    server.close()


def test_an_mcp_server_over_stdio(stdio: McpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = {tool.name: tool for tool in stdio.tools(prefix="t_")}
    assert list(tools) == ["t_add", "t_fail", "t_environment", "t_leave"]
    add = tools["t_add"]
    assert add.description == "Adds two whole numbers." and add.approval == "ask"
    assert json.loads(add.call(constraint(add.parameters).settled('{"a": 2, "b": 40}').value)) == {
        "result": 42
    }
    with pytest.raises(ToolFailed, match="fail"):
        tools["t_fail"].call({"why": "too bad"})
    assert [tool.name for tool in stdio.tools(only=["add"])] == ["add"]
    with pytest.raises(UnusableTool, match="no tool 'nothing'"):
        stdio.tools(only=["nothing"])


def test_a_server_gets_what_is_declared_and_none_of_our_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET_TOKEN", "hush")
    address = ServerAddress((sys.executable, str(SERVER)), environment={"GIVEN": "yes"})
    server = McpServer(address, timeout_s=120)
    try:
        tell = {tool.name: tool for tool in server.tools()}["environment"]
        assert "yes" in tell.call({"name": "GIVEN"})
        assert "hush" not in tell.call({"name": "A_SECRET_TOKEN"})
        leave = {tool.name: tool for tool in server.tools()}["leave"]
        for _ in range(2):
            with pytest.raises(ToolFailed):
                leave.call({})
    finally:
        server.close()


def test_a_server_that_crashed_is_started_again_by_the_next_call() -> None:
    server = McpServer(ServerAddress((sys.executable, str(SERVER))), timeout_s=120)
    try:
        tools = {tool.name: tool for tool in server.tools()}
        with pytest.raises(ToolFailed, match="closed"):
            tools["leave"].call({})
        assert json.loads(tools["add"].call({"a": 1, "b": 1})) == {"result": 2}
        with pytest.raises(ToolFailed, match="fail"):
            tools["fail"].call({"why": "too bad"})
        with pytest.raises(ToolFailed, match="closed"):
            tools["leave"].call({})
        assert json.loads(tools["add"].call({"a": 2, "b": 1})) == {"result": 3}
    finally:
        server.close()
    with pytest.raises(ToolFailed, match="is closed"):
        tools["add"].call({"a": 1, "b": 1})


def test_a_server_that_stays_away_is_tried_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now, tries = [0.0], [0]
    server = McpServer(ServerAddress((sys.executable, str(SERVER))), timeout_s=120, clock=lambda: now[0])
    add, leave = server.tools(only=["add"])[0], server.tools(only=["leave"])[0]

    def away(address: ServerAddress, timeout_s: float) -> None:
        tries[0] += 1
        raise UnusableTool(str(address), "nobody is there")

    try:
        with pytest.raises(ToolFailed):
            leave.call({})
        with monkeypatch.context() as patched:
            patched.setattr(mcp_servers, "_Connection", away)
            tried_at = []
            for second in range(400):
                now[0] = float(second)
                before = tries[0]
                with pytest.raises(ToolFailed, match="is gone"):
                    add.call({"a": 1, "b": 1})
                if tries[0] > before:
                    tried_at.append(second)
        assert tried_at == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303, 363]
        now[0] = 1000.0
        assert json.loads(add.call({"a": 1, "b": 1})) == {"result": 2}
    finally:
        server.close()


def test_a_server_that_is_not_there_is_a_warning(journal: Journal) -> None:
    warnings: list[str] = []
    with ExitStack() as closing:
        offer = [{"command": ["/no/such/program"]}, {"url": "http://127.0.0.1:9/mcp"}, "clock"]
        assert list(tools_of(journal, offer, warnings, closing)) == ["clock"]
    assert len(warnings) == 2 and all(line.startswith("The tool ") for line in warnings)


@contextmanager
def over_http(port: int) -> Iterator[str]:
    process = subprocess.Popen([sys.executable, str(SERVER), str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("headers", [{}, {"X-Token": "t"}])
def test_an_mcp_server_over_http_and_again_after_it_was_restarted(headers: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with over_http(port) as url:
        server = McpServer(ServerAddress(url=url, headers=headers), timeout_s=120)
        add = server.tools(only=["add"])[0]
        assert json.loads(add.call({"a": 1, "b": 1})) == {"result": 2}
    try:
        with pytest.raises(ToolFailed):
            add.call({"a": 1, "b": 1})
        with over_http(port):
            assert json.loads(add.call({"a": 1, "b": 2})) == {"result": 3}
    finally:
        server.close()


def test_the_reference_server_of_time_tells_it() -> None:
    server = McpServer(ServerAddress((sys.executable, "-m", "mcp_server_time")), timeout_s=120)
    try:
        tools = {tool.name: tool for tool in server.tools()}
        convert = tools["convert_time"]
        asked = {"source_timezone": "Asia/Tokyo", "time": "16:30", "target_timezone": "UTC"}
        assert constraint(convert.parameters).validates(asked)
        assert "T07:30:00+00:00" in convert.call(asked)
        with pytest.raises(ToolFailed, match="Nowhere"):
            tools["get_current_time"].call({"timezone": "Nowhere/Land"})
    finally:
        server.close()


def test_the_reference_server_of_git_reads_a_repository(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("walnut\n")
    for arguments in (["init", "-q"], ["add", "note.txt"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    command = (sys.executable, "-m", "mcp_server_git", "--repository", str(tmp_path))
    server = McpServer(ServerAddress(command), timeout_s=120)
    try:
        tools = {tool.name: tool for tool in server.tools()}
        for tool in tools.values():
            constraint(tool.parameters)
        assert "note.txt" in tools["git_status"].call({"repo_path": str(tmp_path)})
        assert "+walnut" in tools["git_diff_staged"].call({"repo_path": str(tmp_path)})
        with pytest.raises(ToolFailed):
            tools["git_status"].call({"repo_path": str(tmp_path.parent)})
    finally:
        server.close()


def test_entries_say_one_kind_of_tool() -> None:
    assert ToolEntry.model_validate({"import": "a:b"}).import_ == "a:b"
    assert ToolEntry.model_validate({"url": "http://x"}).is_server
    with pytest.raises(ValueError, match="must be 'calculator'"):
        ToolEntry.model_validate({})
