"""A Python callable as a tool: its schema from its signature, its words from its docstring.

Promise: the callable is called with what its annotations say, and whatever it raises becomes a ToolFailed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...graphs.abc import Tool, ToolFailed
from ..errors import UnusableTool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

_ARGUMENT = re.compile(r"^\s*(?::param\s+(?:[\w\[\], .|]+\s)?)?\*{0,2}(\w+)(?:\s*\([^)]*\))?\s*:\s*(\S.*)$")
_SECTION = re.compile(r"^\s*(args|arguments|parameters|params)\s*:?\s*$", re.IGNORECASE)
_NEXT_SECTION = re.compile(r"^\s*(returns?|raises|yields?|examples?|notes?)\s*:?\s*$", re.IGNORECASE)
_TOOL_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}", re.ASCII)


class ImportedTool(Tool):
    """Calls `function`, in a thread that is left behind when it takes longer than `timeout_s` seconds.

    Raises UnusableTool when its signature cannot be made into a schema.
    """

    def __init__(
        self, function: Callable[..., Any], *, name: str | None = None, timeout_s: float = 60.0
    ) -> None:
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        if not _TOOL_NAME.fullmatch(self.name):
            raise UnusableTool(self.name, "its name must be letters, digits, _, - and . alone")
        self._function, self._timeout_s = function, timeout_s
        words, arguments = _documented(inspect.getdoc(function) or "")
        self.description = words or f"calls {self.name}"
        self._model = _model_of(self.name, function, arguments)
        self.parameters: Mapping[str, Any] = self._model.model_json_schema()

    def call(self, arguments: Mapping[str, Any]) -> str:
        from pydantic import ValidationError

        try:
            given = self._model.model_validate(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ToolFailed(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        outcome: list[Any] = []
        thread = threading.Thread(
            target=self._run, args=(given, outcome), name=f"dormouse-tool-{self.name}", daemon=True
        )
        thread.start()
        thread.join(self._timeout_s)
        if not outcome:
            raise ToolFailed(f"it took longer than {self._timeout_s:g} s")
        found = outcome[0]
        if isinstance(found, BaseException):
            said = " ".join(str(found).split())
            raise ToolFailed(f"{type(found).__name__}: {said}" if said else type(found).__name__) from found
        return _as_text(found)

    def _run(self, given: BaseModel, outcome: list[Any]) -> None:
        try:
            found = self._function(**{name: getattr(given, name) for name in type(given).model_fields})
            if inspect.isawaitable(found):
                import asyncio

                found = asyncio.run(_awaited(found))
            outcome.append(found)
        except BaseException as error:  # noqa: BLE001  another's code; the caller's thread tells of it
            outcome.append(error)


def imported(
    place: str, *, folder: str | None = None, name: str | None = None, timeout_s: float = 60.0
) -> ImportedTool:
    """The callable at `place`, as `package.module:function`; modules are looked for in `folder` as well.

    Raises UnusableTool.
    """
    module_name, _, path = place.partition(":")
    try:
        with _searching(folder):
            found: Any = importlib.import_module(module_name)
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise UnusableTool(place, f"its module cannot be imported ({said})") from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise UnusableTool(place, f"{module_name} has no {path}")
        found = getattr(found, part)
    if isinstance(found, Tool):
        return found  # type: ignore[return-value]
    if not callable(found):
        raise UnusableTool(place, "it is not callable")
    return ImportedTool(found, name=name, timeout_s=timeout_s)


@contextmanager
def _searching(folder: str | None) -> Iterator[None]:
    if folder is None or str(Path(folder)) in sys.path:
        yield
        return
    sys.path.insert(0, str(Path(folder)))
    try:
        yield
    finally:
        sys.path.remove(str(Path(folder)))


def _model_of(name: str, function: Callable[..., Any], words: Mapping[str, str]) -> type[BaseModel]:
    """A model of what the callable takes."""
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

    fields: dict[str, Any] = {}
    try:
        signature = inspect.signature(function, eval_str=True)
    except (ValueError, TypeError, NameError) as error:
        raise UnusableTool(name, f"its signature cannot be read ({error})") from error
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY or parameter.name.startswith("_"):
            raise UnusableTool(name, f"its parameter {parameter.name} cannot be given by name")
        kind = Any if parameter.annotation is parameter.empty else parameter.annotation
        default = ... if parameter.default is parameter.empty else parameter.default
        said = words.get(parameter.name)
        fields[parameter.name] = (kind, Field(default, description=said) if said else default)
    try:
        model: type[BaseModel] = create_model(
            name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields
        )
        model.model_json_schema()
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError) as error:
        said = str(error).splitlines()[0]
        raise UnusableTool(name, f"a parameter has no JSON Schema ({said})") from error
    return model


def _documented(text: str) -> tuple[str, dict[str, str]]:
    """A docstring's first paragraph as one line, and what it says of each argument."""
    first, _, rest = text.partition("\n\n")
    found: dict[str, str] = {}
    inside = False
    for line in rest.splitlines():
        if _SECTION.match(line):
            inside = True
        elif _NEXT_SECTION.match(line):
            inside = False
        elif (inside or line.lstrip().startswith(":param")) and (match := _ARGUMENT.match(line)):
            found[match[1]] = match[2].strip()
    return " ".join(first.split()), found


async def _awaited(found: Any) -> Any:
    return await found


def _as_text(found: Any) -> str:
    if isinstance(found, str):
        return found
    from pydantic_core import to_jsonable_python

    return json.dumps(to_jsonable_python(found, fallback=str), ensure_ascii=False)
