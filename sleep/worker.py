"""The training process: reads a job folder, trains a LoRA adapter, writes it, tells progress as JSON lines.

Run as `python -m dormouse.sleep.worker JOB [PARENT]`; it dies with the process PARENT. The job folder holds
`job.json` (a `Job`), `examples.jsonl` and `kept.jsonl`; the worker writes the adapter as PEFT does to
`peft/`, what the trained model says of the kept examples to `kept_top.jsonl`, and `done.json` last. Knows
nothing of journals, engines or nights; it can be halted (SIGSTOP) and killed at any instant. Halted it is
told on stdin, a number of seconds a line, how long for; killed and started again on the same folder it goes
on from its last checkpoint, and ends with the same bytes.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .buffer import Top
from .packing import Example

if TYPE_CHECKING:
    from .lora import LoraLinear
    from .training_state import TrainingState


_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Job:
    """All that determines the trained weights, beside the examples."""

    model: str  # folder of the dequantised training copy
    start_from: str | None  # a PEFT folder whose weights training starts from
    rank: int
    alpha: float
    first_layer: int
    learning_rate: float
    epochs: float
    tokens_per_step: int
    warmup_share: float
    weight_decay: float
    anchor_weight: float
    max_grad_norm: float
    seed: int
    threads: int
    nice: int
    replay_alpha: float = 0.0
    replay_beta: float = 1.0
    gamma: float = 0.0
    keep_top_k: int = 16
    time_limit_s: float | None = None
    memory_limit_bytes: int | None = None
    checkpoint_s: float = 60.0
    stacked_on: str | None = None  # a PEFT folder that is served beneath, and stays as it is
    frozen_share: float = 0.0  # of the decoder blocks, from below: what training starts from stays there


def write_job(folder: Path, job: Job, examples: Sequence[Example], kept: Sequence[Example] = ()) -> None:
    """Writes the job; `kept` are examples whose distributions are wanted of the trained model."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, chosen in (("examples", examples), ("kept", kept)):
        with (folder / f"{name}.jsonl").open("w") as handle:
            for example in chosen:
                handle.write(json.dumps(asdict(example)) + "\n")
    (folder / "job.json").write_text(json.dumps(asdict(job), indent=2, sort_keys=True) + "\n")


def read_examples(folder: Path, name: Literal["examples", "kept"] = "examples") -> list[Example]:
    """What `write_job` wrote; a job of an earlier version has nothing to be kept."""
    examples: list[Example] = []
    path = folder / f"{name}.jsonl"
    if name == "kept" and not path.exists():
        return examples
    with path.open() as handle:
        for line in handle:
            row = json.loads(line)
            row["ids"], row["wrong"] = tuple(row["ids"]), tuple(row.get("wrong", ()))
            row["top"] = tuple(tuple((int(i), float(p)) for i, p in place) for place in row["top"])
            examples.append(Example(**row))
    return examples


def _keep(folder: Path, tops: Sequence[Top]) -> None:
    (folder / "kept_top.jsonl").write_text("".join(json.dumps(top) + "\n" for top in tops))


def schedule(step: int, steps: int, warmup_share: float) -> float:
    """Linear warm-up, then cosine decay to a twentieth; a factor on the learning rate."""
    warmup = max(1, round(steps * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * progress))


def plan(examples: Sequence[Example], job: Job) -> list[list[Example]]:
    """All steps of the job in order: whole epochs, each in its own shuffle, the last one cut short."""
    from .packing import batches

    rng = random.Random(job.seed)
    whole = math.ceil(job.epochs)
    per_epoch = [batches(examples, job.tokens_per_step, rng) for _ in range(whole)]
    steps = [step for epoch in per_epoch for step in epoch]
    return steps[: max(1, round(len(steps) * job.epochs / whole))]


def _adapted(job: Job) -> tuple[Any, dict[str, LoraLinear]]:
    """The model with the adapter to be trained, and the adapted layers by name."""
    import torch
    from transformers import AutoModelForCausalLM

    from . import lora, segments

    segments.register()
    model = AutoModelForCausalLM.from_pretrained(
        job.model, dtype=torch.bfloat16, attn_implementation=segments.NAME
    )
    if job.stacked_on:
        lora.merge(model, Path(job.stacked_on))
    layers = lora.inject(model, job.rank, job.alpha, job.first_layer)
    if job.start_from:
        lora.load(layers, Path(job.start_from))
    lora.freeze_below(layers, _frozen(job, model))
    return model, layers


def _frozen(job: Job, model: Any) -> int:
    """How many decoder blocks, from below, training leaves as they are; never all."""
    blocks: int = model.config.num_hidden_layers
    return min(blocks - 1, max(job.first_layer, round(job.frozen_share * blocks)))


def train(
    folder: Path, job: Job, examples: Sequence[Example], held: Callable[[], float] = lambda: 0.0
) -> Iterator[dict[str, Any]]:
    """Trains and writes `peft/`; yields one progress record a step, the last with `"done": true`.

    `held` says for how many seconds the process has been halted so far; they are not counted.
    """
    import torch

    from . import lora
    from .below import Below
    from .packing import pack
    from .step import distributions, step_loss
    from .training_state import TrainingState, load_state, save_state

    torch.manual_seed(job.seed)
    torch.set_num_threads(job.threads)
    started = time.monotonic()
    model, layers = _adapted(job)
    weights = lora.parameters(layers)
    optimiser = torch.optim.AdamW(
        weights, lr=job.learning_rate, weight_decay=job.weight_decay, betas=(0.9, 0.99), fused=True
    )
    steps = plan(examples, job)
    now = load_state(folder, weights, optimiser) or TrainingState()
    loaded = time.monotonic()
    begun = loaded + held()
    below = Below(model, _frozen(job, model), examples)
    for done in below.compute():
        yield {"computed": done, "of": len(examples), "steps": len(steps)}
        if job.time_limit_s and time.monotonic() - begun - held() > job.time_limit_s:
            break
    if now.step:  # it was computed before, and is no part of what the training takes
        begun = time.monotonic() + held() - now.seconds
    kept = now.seconds
    for number, step in enumerate(steps[now.step :], now.step):
        if job.time_limit_s and now.seconds > job.time_limit_s:
            break
        for group in optimiser.param_groups:
            group["lr"] = job.learning_rate * schedule(number, len(steps), job.warmup_share)
        row = pack(step, torch.bfloat16)
        loss = step_loss(model, row, _factors(job), below)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, job.max_grad_norm)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        answered = sum(len(example.ids) for example in step)
        now = now.after(loss.item(), row.tokens, answered, time.monotonic() - begun - held())
        if now.seconds - kept > job.checkpoint_s:
            save_state(folder, now, weights, optimiser)
            kept = now.seconds
        yield {**_so_far(now), "step": number + 1, "steps": len(steps)}
    _keep(folder, distributions(model, read_examples(folder, "kept"), job.keep_top_k))
    lora.save(layers, folder / "peft", rank=job.rank, alpha=job.alpha, base_name=Path(job.model).name)
    yield {
        **_so_far(now),
        "done": True,
        "steps": len(steps),
        "tokens_unpacked": now.answered,
        "load_seconds": loaded - started,
    }


def _factors(job: Job) -> dict[str, float]:
    """By what the loss of each kind of example is multiplied."""
    return {
        "new": 1.0,
        "anchor": job.anchor_weight,
        "dark": job.replay_alpha,
        "stored": job.replay_beta,
        "contrast": job.gamma,
    }


def _so_far(now: TrainingState) -> dict[str, Any]:
    return {"loss": now.loss, "tokens": now.tokens, "seconds": now.seconds}


class _Halts:
    """How long this process has been halted, as its parent says on `stream` each time it goes on."""

    def __init__(self, stream: int) -> None:
        self._stream, self._text, self._held_s = stream, b"", 0.0
        os.set_blocking(stream, False)

    def __call__(self) -> float:
        with suppress(BlockingIOError):
            while more := os.read(self._stream, 4096):
                self._text += more
        *lines, self._text = self._text.split(b"\n")
        self._held_s += sum(float(line) for line in lines)
        return self._held_s


def _limit_memory(most_bytes: int | None) -> None:
    """Has the kernel refuse this process more data than that (Linux counts what is mapped to be written)."""
    if most_bytes is not None:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, hard))


def _orphaned(parent: int | None) -> bool:
    return parent is not None and os.getppid() != parent


def _die_with(parent: int | None) -> None:
    """Has Linux kill this process when its parent dies; elsewhere it looks after every step."""
    if parent is not None and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _is_about_memory(error: Exception) -> bool:
    words = ("alloc", "failed to map", "Cannot allocate")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def main(folder: Path, parent: int | None = None) -> int:
    _die_with(parent)
    if _orphaned(parent):  # it died before it could be bound to
        return 1
    job = Job(**json.loads((folder / "job.json").read_text()))
    os.nice(job.nice)
    _limit_memory(job.memory_limit_bytes)
    held = _Halts(0) if parent is not None else float
    record: dict[str, Any] = {}
    try:
        for record in train(folder, job, read_examples(folder), held):
            if _orphaned(parent):
                return 1
            print(json.dumps(record), flush=True)
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        # Neither torch nor the loader of libraries has an error of its own for this.
        if job.memory_limit_bytes is None or not _is_about_memory(error):
            raise
        limit = job.memory_limit_bytes / (1 << 30)
        print(f"it needs more than the {limit:.1f} GiB sleep.budget.memory_share allows", file=sys.stderr)
        return 1
    temporary = folder / "done.json.part"
    temporary.write_text(json.dumps(record))
    temporary.replace(folder / "done.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else None))
