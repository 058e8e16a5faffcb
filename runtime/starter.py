"""The commented file `dormouse init` writes, made from the settings' own help texts.

Promise: it loads as it stands, and after any of its commented settings is uncommented. Knows no setting by
name, except those a newcomer will change first.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..memory.durable import storage_faults, write_atomic
from ..memory.errors import OUTPUT, BadInput
from .allowed import Place, Schema, in_words, options_at
from .spec import Spec

_ACTIVE: tuple[Place, ...] = (("name",), ("persona",), ("model", "source"))
_WIDTH = 100
_HEAD = """\
# A Dormouse spec: what the assistant is, what it remembers with, and how it sleeps.
# Every key may be left out. A key behind a # shows its default: take the # away to change it.
# `dormouse schema` prints the JSON Schema, for editors that complete YAML.
"""


def starter_text() -> str:
    """The starter file, as YAML text."""
    schema = Spec.model_json_schema()
    return "\n".join([_HEAD, *_section(Spec(), (), schema)]).rstrip() + "\n"


def write_starter(path: Path, *, replace: bool = False) -> None:
    """Write the starter to `path`. Raises BadInput when something is there and may not be replaced."""
    if path.is_dir():
        raise BadInput(f"The starter cannot be written to {path}, for that is a folder.")
    if path.exists() and not replace:
        raise BadInput(f"{path} is there already; --force replaces it.")
    if not path.absolute().parent.is_dir():
        raise BadInput(f"The starter cannot be written to {path}, for its folder is not there.")
    with storage_faults(path.absolute().parent, OUTPUT):
        write_atomic(path, starter_text().encode())


def _section(settings: BaseModel, place: Place, schema: Schema) -> Iterator[str]:
    indent = "  " * len(place)
    for name, field in type(settings).model_fields.items():
        value, here = getattr(settings, name), (*place, name)
        if isinstance(value, BaseModel):
            yield from _comment(indent, str(field.description))
            yield f"{indent}{name}:"
            yield from _section(value, here, schema)
            continue
        words = in_words(schema, options_at(schema, here))
        yield from _comment(indent, f"{field.description} ({words[0].upper()}{words[1:]}.)")
        off = "" if here in _ACTIVE else "#"
        yield f"{indent}{off}{name}: {json.dumps(_plain(value), ensure_ascii=False)}"
        yield ""


def _comment(indent: str, text: str) -> Iterator[str]:
    width = _WIDTH - len(indent)
    for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False):
        yield f"{indent}# {line}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
