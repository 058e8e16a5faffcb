"""A daemon with a scripted engine as a program: `python daemon_program.py HOME`. What a test kills."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime.daemon.daemon import Daemon
from dormouse.runtime.daemon.holders import COMMAND
from dormouse.runtime.scopes import OWNER, Scopes
from dormouse.runtime.spec import Spec


def scopes(spec: Spec, home: Path) -> Scopes:
    engine = ScriptedEngine(before_token=lambda said: time.sleep(0.005))
    return Scopes(spec, home, owner=OWNER, engine=engine, base=BASE, attach=False, command=COMMAND)


def main(home: str) -> None:
    daemon = Daemon(Spec(), Path(home), make_scopes=scopes)
    signal.signal(signal.SIGTERM, lambda number, frame: daemon.stop())
    daemon.run()


if __name__ == "__main__":
    main(sys.argv[1])
