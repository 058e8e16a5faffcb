"""The same tokens asked of torch and of llama.cpp: logits from both, and how far apart they are.

Promise: with everything in F32 the two differ by rounding only, or the base is read differently.
Knows no verdicts: `parity.py` judges.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import BaseWeightsError
from .gguf_file import GgufHeader
from .torch_config import overrides
from .torch_side import TorchJob

# Relative, with weights, keys and values in F32. Rounding gives about 3e-6, llama.cpp's table for GELU 1e-4.
EXACT_BOUND = 5e-4
_TOKENS = 48
_MOST_TOKENS = 1024  # enough to see past the sliding windows in use, and still fast

Logits = NDArray[np.float32]


def probe_ids(header: GgufHeader) -> tuple[int, ...]:
    """The token ids both sides are asked about: fixed, spread over the vocabulary, longer than a sliding
    window.
    """
    vocabulary = header.tensor("token_embd.weight")
    assert vocabulary is not None
    window = overrides(header).get("sliding_window") or 0
    count = min(max(_TOKENS, window + _TOKENS), _MOST_TOKENS, int(header.get("context_length", _MOST_TOKENS)))
    return tuple((index * 2_654_435_761 + 12_345) % vocabulary.shape[0] for index in range(count))


def relative_error(ours: Logits, theirs: Logits) -> float:
    """|ours - theirs| / |theirs| (Frobenius) of arrays [n, vocabulary]; infinite when one is not finite."""
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return math.inf
    return float(np.linalg.norm(ours - theirs) / max(float(np.linalg.norm(theirs)), 1e-12))


def llama_logits(gguf: Path, ids: Sequence[int], *, exact: bool) -> Logits:
    """llama.cpp's logits [len(ids), vocabulary], keys and values cached as when serving or in 32 bits."""
    from .llama_context import LlamaContext
    from .llama_library import physical_cores

    context = LlamaContext(
        gguf, context_tokens=max(256, len(ids)), threads=physical_cores(), exact_cache=exact
    )
    try:
        return context.all_logits(ids)
    finally:
        context.free()


def run_torch(job: TorchJob, named: str) -> dict[str, Any]:
    """Runs one job in a child process, niced; the arrays it answered. Raises BaseWeightsError with its
    reason.
    """
    answer = Path(job.answer)
    paper = answer.with_suffix(".json")
    paper.write_text(job.to_json())
    # One thread: with more, a niced process waits for itself whenever somebody else is computing.
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", f"{__package__}.torch_side", str(paper)]
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if child.returncode:
        said = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        reason = said[-1].removeprefix("ValueError: ").rstrip(".")
        raise BaseWeightsError(named, f"torch cannot load it: {reason}")
    with np.load(answer) as arrays:
        return dict(arrays)
