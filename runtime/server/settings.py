"""The settings of the HTTP server, as they stand under `serve:` in the spec. Knows nothing of HTTP."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ServeSettings(BaseModel):
    """Where the server listens, and what it lets through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="The address to listen on; any but this machine's own needs a token first.",
    )
    port: int = Field(default=8377, ge=0, le=65535, description="The port; 0 takes a free one.")
    max_body_bytes: int = Field(
        default=2_097_152, ge=1024, le=1 << 30, description="Bytes a request's body may have."
    )
    body_timeout_s: float = Field(
        default=30.0, gt=0, description="Seconds a request's body may take to arrive."
    )
    requests_per_minute: int = Field(
        default=600, ge=1, description="Requests each user may make in a minute, and as many at once."
    )
    max_waiting: int = Field(
        default=128, ge=0, description="Turns that may wait for the engine, those of all users together."
    )
    max_waiting_per_user: int = Field(
        default=32, ge=0, description="Turns of one user that may wait for the engine."
    )
    max_open_users: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Users whose journals stay open at a time.",
    )
    max_fused_users: int = Field(
        default=4,
        ge=0,
        le=10_000,
        description="Users at a time whose last night is served from a copy of the base, which takes as much "
        "memory as the base and its context; the adapters of the others are mounted, which is slower.",
    )
    max_connections: int = Field(
        default=1000, ge=8, le=100_000, description="Connections at a time; more are told to try again."
    )
    max_answers: int = Field(default=8, ge=1, le=128, description="Answers one request may ask for (`n`).")
    max_embedding_tokens: int = Field(
        default=65_536, ge=1, le=10_000_000, description="Tokens one request for vectors may give."
    )
