"""The chat on the whole terminal: made ready, run, and closed behind it.

Promise: a stream that is no terminal is a sentence, and so is a home that cannot be opened; the agent is
closed when the screen is the user's again. Knows where the application and the agent meet.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..memory.errors import BadInput
from .app.app import DormouseApp
from .options import keep_files_private

if TYPE_CHECKING:
    from ..runtime.agent import Agent
    from .options import Setup


def full_chat(setup: Setup) -> None:
    """Run it until the user leaves. Raises BadInput without a terminal, and what opening the agent raises."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput(
            "The chat draws on a terminal, and this is none; `dormouse chat --plain` works anywhere."
        )
    keep_files_private()
    with ExitStack() as opened:

        def open_agent() -> Agent:
            from ..runtime.agent import Agent

            agent = Agent(setup.spec(), home=setup.home, command=setup.command, meter=app.downloading)
            return opened.enter_context(agent)

        app = DormouseApp(open_agent)
        app.run()
    if app.failure is not None:
        raise app.failure
