"""The house keeps its shape: rooms, import directions, the package list, help on settings, no stray text."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "memory": set[str](),
    "verifiers": set[str](),
    "sleep": {"memory", "verifiers"},
    "graphs": {"sleep", "memory", "verifiers"},
    "runtime": {"graphs", "sleep", "memory", "verifiers"},
    "tui": {"runtime", "graphs", "sleep", "memory", "verifiers"},
}
# Spelled so that this file does not hold what it looks for.
STRAY = re.compile(r"/w[o]rk/|/h[o]me/\w+/|/r[o]ot/|/Us[e]rs/\w+/|/t[m]p/bash_jobs")


def room_files() -> list[Path]:
    return [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imported_rooms(path: Path, source: str) -> Iterator[tuple[int, str]]:
    """(line, room) of every import in a room's file that reaches a room, whichever way it is written."""
    package = ["dormouse", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = [*base, *(node.module or "").split(".")] if node.module else base
            names = [[*target, alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        else:
            continue
        for name in names:
            if len(name) > 1 and name[0] == "dormouse" and name[1] in MAY_IMPORT:
                yield node.lineno, name[1]


def wrong_way(path: Path, source: str) -> list[str]:
    room = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[room] | {room}
    return [
        f"{path.name}:{line} {room} imports {target}"
        for line, target in imported_rooms(path, source)
        if target not in allowed
    ]


@pytest.mark.parametrize("path", room_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    assert wrong_way(path, path.read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "from ..sleep.exam import ask_items",
        "from .. import sleep",
        "from dormouse.sleep import exam",
        "from dormouse import sleep",
        "import dormouse.sleep.exam",
        "def later():\n    from ..tui import cli",
    ],
)
def test_an_import_the_wrong_way_is_seen(line: str) -> None:
    assert wrong_way(ROOT / "memory" / "probe.py", line)


def test_rooms_import_each_other_relatively() -> None:
    absolute = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in room_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dormouse")
        or (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "dormouse" for a in node.names))
    ]
    assert absolute == []


def test_package_list_equals_folders() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {".".join(["dormouse", *path.relative_to(ROOT).parent.parts]) for path in room_files()}
    assert set(settings["packages"]) == {"dormouse"} | folders
    assert sorted(settings["packages"]) == settings["packages"]


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_package_data_covers_every_data_file() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    covered = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")[1:]).glob(pattern)
    }
    data = {p for p in tracked() if p.relative_to(ROOT).parts[0] in MAY_IMPORT and p.suffix != ".py"}
    assert data - covered == set()


def test_root_holds_no_other_python_file() -> None:
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]


def test_link_names_the_root() -> None:
    link = ROOT / ".links" / "dormouse"
    assert link.is_symlink()
    assert link.resolve() == ROOT.resolve()


def settings_modules() -> list[str]:
    return [
        ".".join(["dormouse", *path.relative_to(ROOT).with_suffix("").parts])
        for path in room_files()
        if "pydantic" in path.read_text() and path.stem in ("settings", "spec")
    ]


@pytest.mark.parametrize("module", settings_modules())
def test_every_settings_field_has_help_and_unknown_keys_are_refused(module: str) -> None:
    from pydantic import BaseModel

    models = [
        value
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module
    ]
    assert models
    silent = [f"{m.__name__}.{n}" for m in models for n, f in m.model_fields.items() if not f.description]
    assert silent == []
    assert [m.__name__ for m in models if m.model_config.get("extra") != "forbid"] == []


def test_every_module_states_its_promise() -> None:
    silent = [path for path in room_files() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def test_text_is_free_of_machine_paths() -> None:
    found = []
    for path in tracked():
        if path.is_symlink() or path.stat().st_size > 1_000_000:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in STRAY.finditer(text)]
    assert found == []


def test_constraints_pin_every_requirement_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    pinned = {re.split("==", line)[0].lower().replace("_", "-") for line in pins}
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=!\[ ]", want)[0].lower().replace("_", "-") for want in wanted}
    assert names - pinned == set()


def test_importing_the_package_is_light() -> None:
    """`import dormouse` loads neither torch nor transformers: `dormouse status` must not wait for them."""
    code = (
        "import sys, dormouse, dormouse.memory; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    env = {"PYTHONPATH": str(ROOT / ".links"), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


def test_package_can_be_walked() -> None:
    import dormouse

    names = {info.name for info in pkgutil.iter_modules(dormouse.__path__)}
    assert set(MAY_IMPORT) <= names
