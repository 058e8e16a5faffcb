"""The settings of the memory room, as they stand under `model:` and `memory:` in the spec.

Knows nothing of files or of YAML; `runtime/spec.py` composes these.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fuse = Literal["auto", "never"]
ServeAs = Literal["auto", "f16", "as-is"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(_Settings):
    """Which base weights, and how llama.cpp runs them. A bare string stands for `source`."""

    source: str = Field(
        default="embedded",
        min_length=1,
        description="Base weights: embedded, the path of a GGUF file, or hf://owner/repo/file.gguf.",
    )
    context_tokens: int = Field(
        default=4096, ge=256, le=1_048_576, description="Tokens the context (tier 0) holds, answer included."
    )
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="Threads that compute; by default one per physical core."
    )
    serve_as: ServeAs = Field(
        default="auto",
        description="f16 serves a dequantised copy, which answers as training saw it; as-is serves the file "
        "itself; auto chooses f16 for a quantised file whose copy takes at most 1 GiB.",
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_string(cls, given: Any) -> Any:
        return {"source": given} if isinstance(given, str) else given


class RecallSettings(_Settings):
    """What is looked up in the episodic store (tier 1) before an answer."""

    enabled: bool = Field(
        default=True, description="Whether earlier turns are looked up and shown to the model."
    )
    top_k: int = Field(default=4, ge=1, le=100, description="How many earlier turns may be shown at most.")
    budget_tokens: int = Field(
        default=256, ge=0, le=65_536, description="Tokens those turns may take together."
    )


class StoreSettings(_Settings):
    """The episodic store (tier 1): what finds earlier turns again."""

    embedder: str = Field(
        default="minilm",
        min_length=1,
        description="What turns texts into vectors: minilm, the path of a GGUF embedder or of a "
        "sentence-transformers folder, or hf://owner/repo/file.gguf.",
    )
    threads: int = Field(default=1, ge=1, le=64, description="Threads that embed a text.")
    vectors: Literal["auto", "scan", "chroma", "codes"] = Field(
        default="auto",
        description="How near vectors are found: scan looks at each, chroma keeps them in Chroma's graph, "
        "codes looks at a bit of each dimension first; auto goes from one to the next as their number grows.",
    )
    exact_below: int = Field(
        default=2000,
        ge=0,
        le=1_000_000,
        description="Vectors from which on auto uses Chroma; fewer are scanned.",
    )
    codes_from: int = Field(
        default=100_000, ge=1, le=100_000_000, description="Vectors from which on auto uses codes."
    )


class NapSettings(_Settings):
    """What becomes of a context that fills up: its oldest turns are learnt, and then leave it."""

    passes: int = Field(
        default=4,
        ge=0,
        le=64,
        description="Passes over what leaves the context; 0 never naps, and the oldest turns are cut off.",
    )
    begin_at: float = Field(
        default=0.8, gt=0, le=1, description="How full the context is, as a share, when a nap begins."
    )
    keep: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Share of the context that the newest turns keep; those before them leave it.",
    )
    summary_tokens: int = Field(
        default=128,
        ge=0,
        le=65_536,
        description="Tokens of the running summary of what has left a session's context.",
    )

    @model_validator(mode="after")
    def _keeps_less_than_it_holds(self) -> Self:
        if self.keep >= self.begin_at:
            raise ValueError(f"keep must be less than begin_at, and they are {self.keep} and {self.begin_at}")
        return self


class ContextSettings(_Settings):
    """How the context (tier 0) is shared out."""

    max_answer_tokens: int = Field(
        default=256, ge=1, le=65_536, description="Tokens an answer may have at most."
    )
    retry_temperature: float = Field(
        default=0.7, gt=0, le=2, description="Temperature of an answer that is asked for again."
    )
    nap: NapSettings = Field(
        default_factory=NapSettings, description="What becomes of the oldest turns when it fills up."
    )


class TraceSettings(_Settings):
    """What is kept of how an answer came about."""

    top_k: int = Field(
        default=32,
        ge=0,
        le=256,
        description="How many of the likeliest tokens are journaled beside each token of an answer or a "
        "call, with their log-probabilities: what sleep anchors to. 0 journals no tokens at all.",
    )


class MemorySettings(_Settings):
    """The tiers above the base weights."""

    recall: RecallSettings = Field(
        default_factory=RecallSettings, description="What is looked up before an answer."
    )
    store: StoreSettings = Field(
        default_factory=StoreSettings, description="What earlier turns are found with."
    )
    context: ContextSettings = Field(
        default_factory=ContextSettings, description="How the context is shared out."
    )
    traces: TraceSettings = Field(
        default_factory=TraceSettings, description="What is kept of how an answer came about."
    )
    fuse: Fuse = Field(
        default="auto",
        description="Whether a copy of the base with the night's adapter in its weights is written and "
        "served, in the home beside the adapter: answers then come as fast as from the bare base, where a "
        "mounted adapter costs a third. auto does so for weights in 16 or 32 bits that take at most 4 GiB, "
        "while three times that is free on the disk.",
    )
    max_turn_chars: int = Field(
        default=32_000,
        ge=1,
        le=10_000_000,
        description="Characters a single turn may have; longer ones are refused.",
    )
