"""Trains the shipped role adapter: `python -m dormouse.sleep.train_roles OUT --examples 21000`.

Promise: the adapter in `sleep/data/roles/` is what this makes from the bank of kinds, the named base and the
seed; run it for another base to give that base a scribe. About 30 minutes for 21,000 examples on 2 cores. Not
part of any night.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ..memory.base_weights import BaseWeights, resolve, served_gguf
from ..memory.engine import Message, WakeEngine
from ..memory.home import cache_path
from ..memory.llama_engine import LlamaEngine
from ..memory.training_copy import training_copy
from . import role_examples
from .anchors import anchors
from .consolidate import consolidate
from .packing import Example
from .replay import anchor_prompts, end_of_turn
from .settings import LoraSettings, ReplaySettings
from .worker import Job, write_job

PERSONA = "You are Dormouse, a helpful assistant."
_ANCHORS = ReplaySettings(anchors=2600, anchor_tokens=40)


def examples(
    engine: WakeEngine, count: int, seed: int, anchored: list[Example], anchor_share: float
) -> Iterator[Example]:
    """`count` exercises in tokens, and anchors among them."""
    end = end_of_turn(engine)
    for prompt, request, reply in itertools.islice(role_examples.stream(seed, PERSONA), count):
        asked = engine.render_tokens([Message("system", prompt), Message("user", request)])
        ids = (*asked, *engine.tokenize(reply, special=False), end)
        yield Example(ids, len(asked), "role", prompt=prompt)
    rng = random.Random(seed)
    for _ in range(round(count * anchor_share)):
        yield rng.choice(anchored)


def train(base: BaseWeights, out: Path, given: argparse.Namespace) -> Path:
    """Trains in `out/job` and writes the role folder `out/<base>`; prints progress to stderr."""
    cache, lora = cache_path(), LoraSettings()
    with LlamaEngine(served_gguf(base, cache), context_tokens=2048) as engine:
        anchored = anchors(engine, PERSONA, anchor_prompts(), _ANCHORS, base.sha256, base.folder(cache))
        prepared = list(examples(engine, given.examples, given.seed, anchored, given.anchor_share))
        folder = out / base.sha256[:16]  # a first night's anchors come with the adapter
        anchors(engine, PERSONA, anchor_prompts(), ReplaySettings(), base.sha256, folder)
    job = Job(
        model=str(training_copy(base, cache)),
        start_from=str(given.start) if given.start else None,
        rank=lora.rank,
        alpha=lora.alpha,
        first_layer=lora.first_layer,
        learning_rate=given.learning_rate,
        epochs=1.0,
        tokens_per_step=1500,
        frozen_share=given.frozen_share,
        warmup_share=0.03,
        weight_decay=0.0,
        anchor_weight=given.anchor_weight,
        max_grad_norm=1.0,
        seed=given.seed,
        threads=given.threads,
        nice=5,
    )
    write_job(out / "job", job, prepared)
    consolidate(out / "job", lambda record: print(json.dumps(record), file=sys.stderr))
    return ship(
        base,
        out / "job" / "peft",
        folder,
        {"examples": given.examples, "anchor_share": given.anchor_share, **asdict(job)},
    )


def ship(base: BaseWeights, peft: Path, folder: Path, made_with: dict[str, object]) -> Path:
    """Writes the role folder: weights in F16, PEFT's config, and `role.json` with checksum and settings."""
    import torch
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(str(peft / "adapter_model.safetensors"))
    halved = {name: tensor.to(torch.float16) for name, tensor in weights.items()}
    save_file(halved, str(folder / "adapter_model.safetensors"), metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text((peft / "adapter_config.json").read_text())
    digest = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    made_with = {key: value for key, value in made_with.items() if key not in ("model", "start_from")}
    role = {"base_sha256": base.sha256, "sha256": digest, "made_with": made_with}
    (folder / "role.json").write_text(json.dumps(role, indent=2, sort_keys=True) + "\n")
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the role adapter for a base.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", default="embedded")
    parser.add_argument("--examples", type=int, default=21_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=7e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path, help="PEFT folder to go on from")
    parser.add_argument("--anchor-share", type=float, default=0.07, help="anchors for each other example")
    parser.add_argument("--anchor-weight", type=float, default=1.0)
    parser.add_argument(
        "--frozen-share", type=float, default=0.0, help="decoder blocks, from below, that stay as in --start"
    )
    given = parser.parse_args()
    print(train(resolve(given.base, cache_path()), given.out, given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
