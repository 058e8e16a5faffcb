"""Embedders: MiniLM in llama.cpp is MiniLM wherever a text stands; others are refused; nothing is heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dormouse.memory.episodes.bert_gguf import write_bert_gguf
from dormouse.memory.episodes.embedder import open_embedder
from dormouse.memory.errors import BadEmbedder

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_minilm_gives_the_vectors_of_its_authors(tmp_path: Path) -> None:
    long = "The boat lies at the quay in Stromness. " * 60
    with open_embedder("minilm", tmp_path) as embedder:
        alone, *_ = embedder.embed(["hello world"])
        beside = embedder.embed([long, "hello world", "", "naïve Café 東京!"])
        close, far = (
            embedder.embed(["My sister became a vet.", "I like rice."])
            @ embedder.embed(["What does my sibling do for a living?"]).T
        )
    # The first values of "hello world" by sentence-transformers itself.
    assert alone[:4] == pytest.approx([-0.0344773, 0.0310232, 0.0067349, 0.0261089], abs=3e-4)
    assert np.abs(beside[1] - alone).max() < 1e-3
    assert np.linalg.norm(beside, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert close > far + 0.2


@pytest.mark.parametrize(
    "files, reason",
    [
        ({}, "config.json is missing"),
        ({"config.json": {"model_type": "roberta"}}, "architecture is 'roberta'"),
        ({"config.json": {"model_type": "bert", "hidden_act": "gelu"}}, "no modules.json"),
        (
            {
                "config.json": {"model_type": "bert", "hidden_act": "gelu"},
                "modules.json": [{"type": "a.Transformer"}, {"type": "a.Pooling"}, {"type": "a.Dense"}],
            },
            "Transformer, Pooling, Dense",
        ),
    ],
)
def test_what_would_come_out_as_another_model_is_refused(
    tmp_path: Path, files: dict[str, object], reason: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(BadEmbedder, match=reason):
        write_bert_gguf(tmp_path, tmp_path / "made.gguf")
    assert not list(tmp_path.glob("*.gguf"))


def test_what_is_no_embedder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadEmbedder, match="no such file"):
        open_embedder(str(tmp_path / "absent.gguf"), tmp_path)
    (tmp_path / "letter.gguf").write_text("Dear Zorbal")
    with pytest.raises(BadEmbedder, match="cannot load"):
        open_embedder(str(tmp_path / "letter.gguf"), tmp_path)
    with pytest.raises(BadEmbedder, match=r"no model\.safetensors"):
        open_embedder(str(tmp_path), tmp_path)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, dormouse.runtime.agent, dormouse.memory.episodes.store, dormouse.tui.cli\n"
        "print(sorted({'torch', 'chromadb', 'sentence_transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    env = {"PYTHONPATH": str(ROOT / ".links"), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")
