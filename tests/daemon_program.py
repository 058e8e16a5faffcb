"""A daemon with a scripted engine as a program: `python daemon_program.py HOME`. What a test kills."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from scripted_engine import BASE, ScriptedEngine

from dormouse.runtime.agent import Agent
from dormouse.runtime.daemon.daemon import COMMAND, Daemon
from dormouse.runtime.spec import Spec


def agent(spec: Spec, home: Path) -> Agent:
    engine = ScriptedEngine(before_token=lambda said: time.sleep(0.005))
    return Agent(spec, home=home, engine=engine, base=BASE, attach=False, command=COMMAND)


def main(home: str) -> None:
    daemon = Daemon(Spec(), Path(home), make_agent=agent)
    signal.signal(signal.SIGTERM, lambda number, frame: daemon.stop())
    daemon.run()


if __name__ == "__main__":
    main(sys.argv[1])
