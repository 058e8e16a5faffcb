"""What is handed to Python inside a sandbox: the modules of `inside/`, compiled, and the job; all through
stdin.

Promise: nothing of Dormouse has to be seen from inside, and no part of a job stands in an argument or a
variable.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from .inside import wire

_ALWAYS, _LAST = ("wire", "names", "deeds", "peer", "code"), ("start",)
_BOOT = """\
import marshal, os, sys
def take():
    size, data = int(os.read(0, 16)), b''
    while len(data) < size:
        piece = os.read(0, min(size - len(data), 1 << 20))
        if not piece:
            os._exit(9)
        data += piece
    return data
package = type(sys)('inside')
package.__path__ = []
sys.modules['inside'] = package
for name, code in marshal.loads(take()):
    module = type(sys)('inside.' + name)
    module.__package__ = 'inside'
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)
module.main(take)
"""


def interpreter() -> Path:
    """This Python itself, without the virtual environment around it."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def python_arguments(before: str = "") -> list[str]:
    """Starts Python without site packages, the current folder or anything of the user's; `before` is run
    first.
    """
    return [str(interpreter()), "-s", "-S", "-P", "-B", "-c", before + _BOOT]


def environment(folder: str) -> dict[str, str]:
    """All of the environment; the fixed hash seed makes a verdict the same each time."""
    return {"HOME": folder, "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0"}


@contextmanager
def as_file(known: Mapping[str, Any], source: str, secret: Mapping[str, Any]) -> Iterator[int]:
    """A descriptor of an unnamed file in memory that holds a job, at its beginning."""
    parts = (
        _modules(str(known["mode"])),
        wire.encode(dict(known), _refused),
        source.encode("utf-8", "surrogatepass"),
        wire.encode(dict(secret), _refused),
    )
    descriptor = os.memfd_create("job")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            for part in parts:
                file.write(b"%16d" % len(part) + part)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


@cache
def _modules(mode: str) -> bytes:
    """The modules a mode needs, in the order in which they are loaded, as code objects of this Python."""
    folder = resources.files(__package__) / "inside"
    names = (*_ALWAYS, mode, *_LAST)
    return marshal.dumps([(n, compile((folder / f"{n}.py").read_text(), n, "exec")) for n in names])


def _refused(value: Any) -> Any:
    raise TypeError(f"a job holds a {type(value).__name__}, which is not plain")
