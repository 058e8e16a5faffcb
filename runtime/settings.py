"""The settings of this room: which tools an agent is offered and at what cost, and its daemon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..graphs.abc import RESULT_TOKENS, Approval

ToolName = Literal["calculator", "clock", "files", "remember", "recall", "forget", "python"]
_NAMES: tuple[str, ...] = get_args(ToolName)


class ToolExample(BaseModel):
    """One call shown to the model: small ones decide by examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: str = Field(min_length=1, max_length=400, description="What a user may say that calls for the tool.")
    arguments: Mapping[str, Any] = Field(
        default_factory=dict, description="The arguments it is then called with."
    )


class ToolEntry(BaseModel):
    """One tool, or one server of tools."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$",
        description="A tool that comes with Dormouse: calculator, clock, files, remember, recall, "
        "forget, python. Otherwise the name the model calls it by; for a server, how its tools' names begin.",
    )
    import_: str | None = Field(
        default=None,
        alias="import",
        pattern=r"^[\w.]+:[\w.]+$",
        description="A Python callable, as package.module:function.",
    )
    path: str | None = Field(
        default=None,
        description="The folder in which `import` and `folder` are looked for; by default the spec file's.",
    )
    command: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description="A program that is an MCP server over stdio, and its arguments.",
    )
    url: str | None = Field(
        default=None, pattern=r"^https?://", description="An MCP server over streamable HTTP."
    )
    environment: Mapping[str, str] = Field(
        default_factory=dict, description="Variables the program is given beside PATH, HOME and the like."
    )
    headers: Mapping[str, str] = Field(
        default_factory=dict, description="Headers sent to the URL, such as Authorization."
    )
    only: tuple[str, ...] = Field(default=(), description="Which of a server's tools; all when empty.")
    folder: str | None = Field(default=None, description="The one folder that `files` works in.")
    write: bool = Field(default=False, description="Whether `files` may write there.")
    approval: Approval | None = Field(
        default=None,
        description="Whether you are asked before it is called: never; ask, once in a session; always. Where "
        "nobody can be asked, a call that needs it is refused. By default never, but ask for servers and for "
        "files that may be written, and always for remember and forget.",
    )
    example: ToolExample | None = Field(default=None, description="A call to show the model.")
    timeout_s: float = Field(default=60.0, gt=0, le=3600, description="Seconds one call may take.")
    result_tokens: int = Field(
        default=RESULT_TOKENS,
        ge=32,
        le=65_536,
        description="Tokens of a result the model is shown; the middle of a longer one is left out.",
    )

    @property
    def is_server(self) -> bool:
        """Whether it stands for an MCP server."""
        return self.command is not None or self.url is not None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [
            key
            for key, value in (("import", self.import_), ("command", self.command), ("url", self.url))
            if value
        ]
        if len(kinds) > 1:
            raise PydanticCustomError(
                "contradiction", "cannot have both {a} and {b}", {"a": kinds[0], "b": kinds[1]}
            )
        if not kinds and self.name not in _NAMES:
            names = " or ".join(filter(None, [", ".join(map(repr, _NAMES[:-1])), repr(_NAMES[-1])]))
            raise PydanticCustomError(
                "contradiction",
                "must be {names}, or have import, command or url, and it is {name}",
                {"names": names, "name": repr(self.name)},
            )
        return self


def _by_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class ToolSettings(BaseModel):
    """Which tools the assistant may call. A bare list is enough: `tools: [calculator]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offer: tuple[
        Annotated[ToolEntry, BeforeValidator(_by_name, json_schema_input_type=ToolName | ToolEntry)], ...
    ] = Field(
        default=(),
        description="The tools the model may call. Each is a name (calculator, clock, remember, recall, "
        "forget, python), or a mapping: {name: files, folder: notes}, {import: package.module:function}, "
        "{command: [program]} or {url: https://...} for an MCP server; and with each, approval, example, "
        "timeout_s, result_tokens.",
    )
    max_steps: int = Field(
        default=3, ge=1, le=64, description="The most tool calls in one turn, after which it has to answer."
    )
    timeout_s: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds one turn may take before it has to end."
    )
    turn_tokens: int = Field(
        default=4096, ge=64, le=1_048_576, description="Tokens one turn may generate, calls among them."
    )
    call_tokens: int = Field(
        default=512, ge=16, le=65_536, description="Tokens one call may have; a longer one is not made."
    )


class ChatSettings(BaseModel):
    """The full-screen chat."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    theme: str = Field(
        default="dusk",
        min_length=1,
        description="How it looks: dusk, dawn, plain (without colour), or another that /theme lists.",
    )


class DaemonSettings(BaseModel):
    """The daemon: what it keeps in memory, and what it raises an alarm for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unload_after_min: float = Field(
        default=15.0,
        gt=0,
        description="Minutes without a turn or a night after which the engine's memory is given back.",
    )
    min_free_gib: float = Field(
        default=1.0, ge=0, description="Free disk space (GiB) under which it raises an alarm."
    )
    desktop_alarms: bool = Field(
        default=False, description="Whether an alarm is shown on the desktop too, once."
    )
