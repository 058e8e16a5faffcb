"""What can go wrong in a night.

SleepError(DormouseError)
├── AdapterShapeMismatch   an adapter to start from does not fit the layers
├── ExportUnsupported      an architecture or tensor that GGUF adapters cannot hold
├── TrainingFailed         the training process ended without an adapter
├── RoleAdapterDamaged     a shipped role adapter is not what its checksum says
├── BufferTooNew           a replay buffer that a later version wrote
├── NightStopped           the night was told to end; the next one goes on with it
├── NightFailed            a stage failed; names the stage
└── NapImpossible          this installation or base cannot train by day
"""

from __future__ import annotations

from pathlib import Path

from ..memory.errors import DormouseError


class SleepError(DormouseError):
    """Root of this room."""


class AdapterShapeMismatch(SleepError):
    def __init__(self, folder: Path, detail: str) -> None:
        super().__init__(f"The adapter in {folder} does not fit this model: {detail}.")


class ExportUnsupported(SleepError):
    def __init__(self, architecture: str, tensor: str | None = None) -> None:
        what = f"tensor {tensor} of " if tensor else ""
        super().__init__(f"Cannot write {what}architecture {architecture!r} as a GGUF adapter.")


class TrainingFailed(SleepError):
    def __init__(self, detail: str) -> None:
        super().__init__(f"Training ended without an adapter: {detail}.")


class RoleAdapterDamaged(SleepError):
    def __init__(self, path: Path) -> None:
        super().__init__(f"The role adapter {path} does not match its checksum; reinstall dormouse.")


class BufferTooNew(SleepError):
    def __init__(self, path: Path, format: int, known: int) -> None:
        super().__init__(
            f"The replay buffer {path} has format {format}, and this Dormouse reads up to {known}."
        )


class NightStopped(SleepError):
    def __init__(self) -> None:
        super().__init__("The night was stopped before its end; the next one goes on with it.")


class NightFailed(SleepError):
    def __init__(self, stage: str, reason: str) -> None:
        self.stage = stage
        super().__init__(f"The night failed at {stage}: {reason}")


class NapImpossible(SleepError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}; the oldest turns are cut off instead")
