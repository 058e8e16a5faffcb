"""The settings of this room: how far code under judgement is trusted, and how much of the machine judging
takes.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SandboxName = Literal["auto", "bubblewrap", "namespaces", "none"]


class SandboxSettings(BaseModel):
    """Where code runs that a model wrote, and its limits. In the spec a bare word stands for `kind`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: SandboxName = Field(
        default="auto",
        description="What holds the code in: bubblewrap, or without it the kernel's namespaces; auto takes "
        "the first that works and else refuses; none runs it as you, with your files, network and rights.",
    )
    timeout_s: float = Field(
        default=10.0,
        ge=0.1,
        le=3600.0,
        description="Seconds that one check may take before all of it is killed.",
    )
    memory_mib: int = Field(
        default=512,
        ge=64,
        le=1_048_576,
        description="Memory that the processes of one check may hold together.",
    )
    processes: int = Field(
        default=16, ge=1, le=4096, description="Processes that the code of one check may start."
    )
    open_files: int = Field(default=64, ge=16, le=65_536, description="Files that a process may hold open.")
    disk_mib: int = Field(
        default=32, ge=1, le=65_536, description="What the code may write to its empty folder, in memory."
    )
    output_kib: int = Field(default=256, ge=1, le=65_536, description="What the code may print.")


class VerifySettings(BaseModel):
    """How a file of claims is judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cores: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Claims judged at the same time; by default one per processor core.",
    )
