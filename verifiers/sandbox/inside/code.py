"""The code process: loads what is judged, and serves its functions. Nothing it does can reach the verdict.

Knows nothing of the tests: it was forked before they were read, and keeps no descriptor but its two pipes.
"""

from __future__ import annotations

import os
import sys

from .peer import Peer, PeerGone

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from typing import Any

READING, WRITING = 3, 4
MODULE = "solution"


def become_code_process(source: str, reading: int, writing: int) -> None:
    """In a fresh fork: gives up all descriptors but the two pipes, loads `source`, and serves until the
    end.
    """
    keep_only(reading, writing)
    module = type(sys)(MODULE)
    sys.modules[MODULE] = module
    space = module.__dict__

    def lookup(name: str) -> Any:
        if name not in space:
            raise NameError(f"the code does not define {name!r}")
        return space[name]

    peer = Peer(READING, WRITING, lambda op, target, rest: True, lookup)
    try:
        exec(compile(source, MODULE, "exec", dont_inherit=True), space)
        names = [(name, _is_own_function(value)) for name, value in space.items() if name[:2] != "__"]
        peer.announce(("=", names))
    except PeerGone:
        return
    except BaseException as error:  # noqa: BLE001  whatever the code raises, its exit included, is the judge's to know
        peer.announce(("!", error))
        return
    try:  # noqa: SIM105  contextlib takes longer to import than most code takes to judge
        peer.serve()
    except PeerGone:
        pass


def keep_only(reading: int, writing: int, standard: tuple[int, ...] = ()) -> None:
    """Two pipes as descriptors 3 and 4, `standard` (or nothing) as 0 to 2, and no other descriptor."""
    nothing = os.open(os.devnull, os.O_RDWR)
    wanted = (*(standard or (nothing, nothing, nothing)), reading, writing)
    out_of_the_way = [_above(number) for number in wanted]
    for number, copy in enumerate(out_of_the_way):
        os.dup2(copy, number, inheritable=number < READING)
    os.closerange(WRITING + 1, 4096)


def _above(number: int) -> int:
    """A copy of a descriptor that is out of the way of those about to be set."""
    copy = os.dup(number)
    return copy if copy > WRITING else _above(copy)


def _is_own_function(value: Any) -> bool:
    return isinstance(value, type(keep_only)) and value.__module__ == MODULE
