"""The spec: one YAML file that says what an assistant is. Composes the rooms' settings, and adds nothing to
them.

Promise: a file that loads is valid throughout; one that does not is refused with all its faults, each with
its line. Every key has a default, so no file at all is a spec too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..memory.settings import MemorySettings, ModelSettings
from ..sleep.settings import ExamSettings, SleepSettings
from ..verifiers.declared import beside, fault
from ..verifiers.settings import SandboxName, SandboxSettings, VerifySettings
from .declared import read_declared
from .errors import UnreadableInput
from .server.settings import ServeSettings
from .settings import ChatSettings, DaemonSettings, ToolEntry, ToolName, ToolSettings

Declared = str | dict[str, Any]

DEFAULT_FILE = "dormouse.yaml"
_ABSENT = "there is no such file"


def _model_by_name(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


def _known_verifier(value: Declared) -> Declared:
    if found := fault(value):
        raise ValueError(found)
    return value


def _sandbox_by_name(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


def _tools_by_name(value: Any) -> Any:
    return {"offer": value} if isinstance(value, list | tuple) else value


def _beside(entry: ToolEntry, folder: Path) -> ToolEntry:
    """A tool that is looked for in a folder, with that folder counted from the spec file's."""
    if entry.import_ is None and entry.folder is None:
        return entry
    return entry.model_copy(update={"path": str(Path(folder, Path(entry.path or ".").expanduser()))})


class Spec(BaseModel):
    """What an assistant is, what it remembers with, and how it sleeps."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Dormouse spec")

    name: str = Field(
        default="dormouse", min_length=1, max_length=80, description="What the assistant is called."
    )
    persona: str = Field(
        default="You are Dormouse, a helpful assistant.",
        min_length=1,
        max_length=4000,
        description=(
            "The system prompt. Sleep trains with it too: after changing it, what was consolidated under the "
            "old one is recalled less well."
        ),
    )
    model: Annotated[
        ModelSettings,
        BeforeValidator(_model_by_name, json_schema_input_type=str | ModelSettings),
    ] = Field(
        default_factory=ModelSettings,
        description=(
            "The base weights: `embedded`, the path of a GGUF file, or hf://owner/repo/file.gguf; "
            "or a mapping with more settings."
        ),
    )
    memory: MemorySettings = Field(
        default_factory=MemorySettings, description="What is recalled, and how much of it fits in a prompt."
    )
    tools: Annotated[
        ToolSettings,
        BeforeValidator(_tools_by_name, json_schema_input_type=list[ToolName | ToolEntry] | ToolSettings),
    ] = Field(
        default_factory=ToolSettings, description="The tools it may call: a list of names, or a mapping."
    )
    verifiers: tuple[Annotated[Declared, AfterValidator(_known_verifier)], ...] = Field(
        default=("support", "fiction", "affirmed"),
        description="The verifiers that judge what a night would remember, and the settings of those that "
        "`dormouse verify` uses: a name, a name with settings, or all, any or first with a list of such.",
    )
    awake: tuple[Annotated[Declared, AfterValidator(_known_verifier)], ...] = Field(
        default=(),
        description="The verifiers that judge each answer, and what each tool gave back, while awake, as "
        "under `verifiers`; what one compares with is a setting here, such as `match: {forbid: [...]}` or "
        "`schema: {schema: {...}}`. Those that cannot judge such words say nothing; verdicts stand in the "
        "journal.",
    )
    sandbox: Annotated[
        SandboxSettings,
        BeforeValidator(_sandbox_by_name, json_schema_input_type=SandboxName | SandboxSettings),
    ] = Field(
        default_factory=SandboxSettings,
        description="Where code runs that a model wrote: `auto`, `bubblewrap`, `namespaces` or `none`, or a "
        "mapping with its limits.",
    )
    verify: VerifySettings = Field(
        default_factory=VerifySettings, description="How `dormouse verify` judges a file of claims."
    )
    sleep: SleepSettings = Field(default_factory=SleepSettings, description="How a night trains.")
    exam: ExamSettings = Field(
        default_factory=ExamSettings, description="What a new adapter must pass before it is served."
    )
    chat: ChatSettings = Field(default_factory=ChatSettings, description="How the full-screen chat looks.")
    daemon: DaemonSettings = Field(default_factory=DaemonSettings, description="How the daemon keeps house.")

    serve: ServeSettings = Field(
        default_factory=ServeSettings, description="How `dormouse serve` listens, and what it lets through."
    )

    @model_validator(mode="after")
    def _room_for_an_answer(self) -> Self:
        answer, recall = self.memory.context.max_answer_tokens, self.memory.recall.budget_tokens
        if 2 * (answer + recall) > self.model.context_tokens:
            raise PydanticCustomError(
                "contradiction",
                "and memory.recall.budget_tokens must leave half of model.context_tokens to the talk, "
                "and they are {answer} and {recall} of {context}",
                {
                    "place": ("memory", "context", "max_answer_tokens"),
                    "answer": answer,
                    "recall": recall,
                    "context": self.model.context_tokens,
                },
            )
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The spec in the file at `path`. A relative model path counts from the file's folder.

        Raises UnreadableInput when there is no such text file, SpecError with every fault in it.
        """
        path = Path(path)
        spec = read_declared(path, cls)
        folder = path.parent.absolute()
        entries = tuple(_beside(entry, folder) for entry in spec.tools.offer)
        tools = spec.tools.model_copy(update={"offer": entries})
        verifiers, awake = (
            tuple(beside(each, folder) for each in declared) for declared in (spec.verifiers, spec.awake)
        )
        spec = spec.model_copy(update={"tools": tools, "verifiers": verifiers, "awake": awake})
        source = spec.model.source
        if source == "embedded" or "://" in source:
            return spec
        model = spec.model.model_copy(update={"source": str(Path(folder, Path(source).expanduser()))})
        return spec.model_copy(update={"model": model})


def find_spec(given: Path | None) -> Spec:
    """The spec to use: `given`, else dormouse.yaml in the current folder, else the defaults."""
    if given is not None:
        return Spec.load(given)
    try:
        return Spec.load(Path(DEFAULT_FILE))
    except UnreadableInput as error:
        if error.reason == _ABSENT:
            return Spec()
        raise
