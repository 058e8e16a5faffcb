"""How far a training is: what is needed to go on with it as if it had never been cut short.

Promise: the file holds one whole state, the newest that was saved. Knows nothing of models or examples; the
folder belongs to one job.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from ..memory.durable import write_atomic


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Steps done, their smoothed loss (nats), tokens computed and tokens of all examples, seconds of work."""

    step: int = 0
    loss: float = 0.0
    tokens: int = 0
    answered: int = 0
    seconds: float = 0.0

    def after(self, loss: float, tokens: int, answered: int, seconds: float) -> TrainingState:
        """One step further: its loss, the tokens it computed and answered, and the seconds of work in all."""
        return TrainingState(
            step=self.step + 1,
            loss=loss if self.step == 0 else 0.9 * self.loss + 0.1 * loss,
            tokens=self.tokens + tokens,
            answered=self.answered + answered,
            seconds=seconds,
        )


def save_state(
    folder: Path, now: TrainingState, weights: Sequence[nn.Parameter], optimiser: torch.optim.Optimizer
) -> None:
    """Replaces the state kept in `folder`."""
    buffer = io.BytesIO()
    torch.save(
        {
            "now": asdict(now),
            "weights": [weight.detach() for weight in weights],
            "optimiser": optimiser.state_dict(),
        },
        buffer,
    )
    write_atomic(folder / "state.pt", buffer.getvalue())


def load_state(
    folder: Path, weights: Sequence[nn.Parameter], optimiser: torch.optim.Optimizer
) -> TrainingState | None:
    """Puts the kept state into `weights` and `optimiser`; None when there is none."""
    path = folder / "state.pt"
    if not path.exists():
        return None
    kept = torch.load(path, weights_only=True)
    with torch.no_grad():
        for weight, value in zip(weights, kept["weights"], strict=True):
            weight.copy_(value)
    optimiser.load_state_dict(kept["optimiser"])
    return TrainingState(**kept["now"])
