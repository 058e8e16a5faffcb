"""What the training process is told to do: the settings in force, and what this machine has.

Promise: all that determines the trained weights, beside the examples, stands in the job. Knows nothing of
what is trained or when.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..memory.llama_library import physical_cores
from ..memory.training_copy import training_copy
from ..sleep import worker
from ..sleep.settings import LoraSettings
from .night import NightContext


def training_job(
    context: NightContext, start_from: Path | None, *, stacked_on: Path | None = None
) -> worker.Job:
    """The job under these settings; the training copy is made where it is not there. `start_from` and
    `stacked_on` are PEFT folders: see `Job`. Raises ParityError, BaseWeightsError.
    """
    lora, training, budget = context.settings.lora, context.settings.training, context.settings.budget
    return worker.Job(
        model=str(training_copy(context.base, context.cache)),
        start_from=str(start_from) if start_from else None,
        rank=lora.rank,
        alpha=lora.alpha,
        first_layer=lora.first_layer,
        learning_rate=training.learning_rate,
        epochs=training.epochs,
        tokens_per_step=training.tokens_per_step,
        warmup_share=training.warmup_share,
        weight_decay=training.weight_decay,
        anchor_weight=training.anchor_weight,
        max_grad_norm=training.max_grad_norm,
        replay_alpha=training.alpha,
        replay_beta=training.beta,
        gamma=training.gamma,
        keep_top_k=context.settings.replay.anchor_top_k,
        seed=context.seed,
        threads=training.threads or physical_cores(),
        nice=training.nice,
        time_limit_s=None if budget.training_min is None else 60.0 * budget.training_min,
        memory_limit_bytes=int(_memory_bytes() * budget.memory_share),
        stacked_on=str(stacked_on) if stacked_on else None,
        frozen_share=training.frozen_share if start_from else 0.0,  # a fresh adapter is trained whole
    )


def same_shape(folder: Path, lora: LoraSettings) -> bool:
    """Whether the adapter in a PEFT folder has the shape to be trained, so that it can be begun from."""
    config = json.loads((folder / "adapter_config.json").read_text())
    first = min(config.get("layers_to_transform") or [0])
    return (config["r"], config["lora_alpha"], first) == (lora.rank, lora.alpha, lora.first_layer)


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)
