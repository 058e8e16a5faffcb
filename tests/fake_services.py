"""A service manager that only writes down what it is told, found on PATH as systemctl and as launchctl."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

_SCRIPT = """\
#!/bin/sh
told={told}
echo "${{0##*/}} $*" >> "$told/calls"
for word in "$@"; do name=$word; done
wants={units}/default.target.wants
for word in "$@"; do
    if grep -qx -- "$word" "$told/refuses" 2>/dev/null; then
        echo "Job for $name is not to be." >&2
        exit 1
    fi
    case $word in
        show) cat "$told/shows" ;;
        stop) kill "$(cat "$told/process")" ;;
        enable) mkdir -p "$wants"; ln -sf "{units}/$name" "$wants/$name" ;;
        disable) rm -f "$wants/$name" ;;
    esac
done
"""


@dataclass(frozen=True)
class FakeServices:
    """`units` is where systemd's units of this user are."""

    told: Path
    units: Path

    @property
    def calls(self) -> list[str]:
        """What was called, oldest first, but for questions."""
        path = self.told / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if " show " not in line]

    def refuse(self, *verbs: str) -> None:
        """These fail from now on."""
        (self.told / "refuses").write_text("".join(f"{verb}\n" for verb in verbs))

    def run(self, pid: int, state: str = "active") -> None:
        """Say that the unit is in that state, and that `pid` is its process; `stop` ends it."""
        (self.told / "shows").write_text(f"MainPID={pid}\nActiveState={state}\n")
        (self.told / "process").write_text(str(pid))

    def left(self) -> list[str]:
        """The files and links in the units' folder."""
        return sorted(path.name for path in self.units.rglob("*") if path.is_symlink() or path.is_file())


def fake_services(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakeServices:
    """Put them first on PATH, and the units' folder below `folder`."""
    programs, told, config = folder / "programs", folder / "told", folder / "config"
    made = FakeServices(told, config / "systemd" / "user")
    for each in (programs, told, config):
        each.mkdir(parents=True)
    (told / "shows").write_text("MainPID=0\nActiveState=inactive\n")
    for name in ("systemctl", "launchctl"):
        (programs / name).write_text(_SCRIPT.format(told=told, units=made.units))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config))
    monkeypatch.setenv("HOME", str(folder))
    return made
