"""llama.cpp's C interface, loaded once: quiet, and with the reason of its last refusal at hand.

Promise: nothing of llama.cpp reaches the terminal unless DORMOUSE_LLAMA_LOG=1. Knows the library, no model.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import re
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_ERROR = 4  # of enum ggml_log_level
_REASONS_KEPT = 8
# On 2 cores with SmolLM2-135M, libgomp's own 300000 spins give 116 tokens/s on an idle machine and 2 to 6
# on one whose cores are both busy; 1000 spins give 115 and 26; none give 41 and 62.
# Each thread that computes has a team of its own, so there are soon more of them than cores. libgomp then
# spins 100 times, whatever it was told, unless waiting is "active": one team more in the process halved the
# speed (26 tokens/s for 54).
_OPENMP = {"GOMP_SPINCOUNT": "1000", "OMP_WAIT_POLICY": "active"}
_stderr_lock = threading.Lock()
_told = threading.local()  # .reasons: what each thread was refused for
_kept_alive: list[Any] = []  # the callback must outlive every call of the library


@cache
def llama() -> Any:
    """The module of ctypes functions (`llama_cpp.llama_cpp`), its backend initialised and its log ours."""
    with _brief_spinning():
        import llama_cpp._utils
        import llama_cpp.llama_cpp as library
    show = os.environ.get("DORMOUSE_LLAMA_LOG") == "1"

    def log(level: int, text: bytes, _data: Any) -> None:
        line = text.decode("utf-8", errors="replace")
        if level == _ERROR:
            _reasons().append(line.strip())
        if show:
            sys.stderr.write(line)

    callback = library.llama_log_callback(log)
    _kept_alive.append(callback)
    library.llama_log_set(callback, ctypes.c_void_p(0))
    library.llama_backend_init()
    # llama_cpp opens /dev/null twice as it loads and never closes it: a ResourceWarning at exit.
    for name in ("outnull_file", "errnull_file"):
        if (left_open := getattr(llama_cpp._utils, name, None)) is not None:
            atexit.register(left_open.close)
    return library


def forget_reasons() -> None:
    """Call before asking the library for something it may refuse."""
    _reasons().clear()


def last_reason(otherwise: str) -> str:
    """Why the library refused, in its own words without the names of its functions; else `otherwise`."""
    told = [re.sub(r"^[a-z0-9_]+:\s*", "", line).rstrip(".") for line in _reasons() if line]
    # The first line is the cause; the later ones only say what could not be done because of it.
    return " ".join(told[0].split()) if told else otherwise


def _reasons() -> deque[str]:
    if not hasattr(_told, "reasons"):
        _told.reasons = deque(maxlen=_REASONS_KEPT)
    reasons: deque[str] = _told.reasons
    return reasons


@contextmanager
def _brief_spinning() -> Iterator[None]:
    """llama.cpp's threads spin only briefly where they wait for one another, then sleep.

    OpenMP reads the variables only as the library loads; they are put back so that no child process inherits
    them. What the user set stands.
    """
    ours = not _OPENMP.keys() & os.environ.keys()
    if ours:
        os.environ.update(_OPENMP)
    try:
        yield
    finally:
        if ours:
            for name in _OPENMP:
                del os.environ[name]


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Collects what the library prints past its log (the grammar parser does) instead of showing it.

    The list is filled when the block ends. Only for calls that take well under a millisecond: file
    descriptor 2 is the whole process's.
    """
    lines: list[str] = []
    with _stderr_lock, tempfile.TemporaryFile() as heard:
        try:
            saved = os.dup(2)
        except OSError:  # no stderr to print on, and none to capture
            yield lines
            return
        os.dup2(heard.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            heard.seek(0)
            lines += heard.read().decode("utf-8", errors="replace").splitlines()


def features() -> tuple[str, ...]:
    """The processor's features that llama.cpp was built for and found, by its own names."""
    said = llama().llama_print_system_info().decode(errors="replace").split("|")
    found = [part.split("=")[0].split(":")[-1] for part in said if part.strip().endswith("= 1")]
    return tuple(name.strip() for name in found)


def packs_for_amx() -> bool:
    """Whether llama.cpp would pack weights anew for the matrix unit (AMX) of this processor."""
    return "AMX_INT8" in features()


def model_params(*, unquantised: bool = False) -> Any:
    """How a model's file is loaded: into memory, for the processor.

    Where there is AMX, quantised weights are left as the file has them: llama.cpp packs them anew for it, and
    its product of those ends the process (ggml-org/llama.cpp#20824). `unquantised` ones are packed, and
    read rather than mapped, because the file's pages would stay in memory beside the packed copy.
    """
    library = llama()
    params = library.llama_model_default_params()
    params.n_gpu_layers = 0
    if packs_for_amx():
        params.use_extra_bufts = unquantised
        if unquantised:
            params.load_mode = library.LLAMA_LOAD_MODE_NONE
    return params


def physical_cores() -> int:
    """Physical cores this process may run on, at least 1."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or allowed, allowed))
