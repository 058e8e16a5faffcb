"""One JSON Schema to hold a model's words to, and what becomes of words that were held to it.

Promise: `settled(text)` is JSON that validates against the schema, whatever `text` is. A schema of which that
cannot be promised is refused when it is given.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from ..errors import BadSchema
from .closing import Reader
from .drawing import drawn
from .matching import bounded, check_patterns
from .nodes import Grammar
from .schema import SchemaGrammar

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_EXAMPLES = 48
_TRIES = 4000
_READ, _MOST_READ = 50_000, 300_000  # characters tried in all, where an example was found and where none was
_PLAIN = {"type", "enum", "const", "title", "description", "default", "examples", "$comment"}

Ended = Literal["said", "closed", "replaced"]


@dataclass(frozen=True, slots=True)
class Settled:
    """JSON that validates. `how`: the text itself; the text, ended for it; or the nearest known to be right,
    because what was said breaks a rule that no grammar can hold a model to.
    """

    text: str
    value: Any
    how: Ended


class Constraint:
    """The grammar of one schema. Raises BadSchema for one that is no schema, or allows nothing."""

    def __init__(self, schema: Mapping[str, Any] | bool) -> None:
        self.schema = schema
        try:
            built = SchemaGrammar(schema, self._fits)
        except (ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError) as error:
            raise BadSchema(" ".join(str(error).split()) or type(error).__name__) from error
        self.grammar: Grammar = built.grammar
        self.unseen = frozenset(built.unseen)
        """Keywords the grammar does not hold a model to, and that are checked afterwards."""
        if self.unseen:
            check_patterns(schema)
            _ = self._examples

    @cached_property
    def gbnf(self) -> str:
        """The grammar as llama.cpp reads it."""
        return self.grammar.gbnf()

    def settled(self, text: str) -> Settled:
        """What `text` comes to."""
        whole = self._reader.close(text)
        value = json.loads(whole)
        if self.unseen and not self.validates(value):
            nearest = max(self._examples, key=lambda example: _shared(example, text))
            return Settled(nearest, json.loads(nearest), "replaced")
        return Settled(whole, value, "said" if whole == text else "closed")

    def validates(self, value: Any) -> bool:
        """Whether `value` is what the schema says. Raises BadSchema for a $ref that leads nowhere."""
        from referencing.exceptions import Unresolvable

        try:
            return bool(self._validator.is_valid(value))
        except Unresolvable as error:
            raise BadSchema(f"$ref names {error.ref!r}, which is not in this schema") from error

    def complaint(self, value: Any) -> str:
        """What of the schema `value` breaks, in a clause; empty when nothing."""
        from jsonschema.exceptions import best_match

        error = best_match(self._validator.iter_errors(value))
        return "" if error is None else error.message

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for
        from referencing.jsonschema import EMPTY_REGISTRY

        kind = bounded(validator_for(self.schema, default=Draft202012Validator))
        # No other registry: the default one fetches what a $ref names.
        validator: Validator = kind(_of_one_dialect(self.schema), registry=EMPTY_REGISTRY)
        return validator

    def _fits(self, value: Any, part: Mapping[str, Any]) -> bool:
        if part.keys() <= _PLAIN and "type" not in part:
            return True
        return bool(self._validator.evolve(schema=_of_one_dialect(part)).is_valid(value))

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.grammar)

    @cached_property
    def _examples(self) -> tuple[str, ...]:
        """Texts that validate, found by trying what the grammar allows. BadSchema when none is found."""
        rng, found, read = random.Random(0), dict[str, None](), 0
        shortest = self._reader.close("")
        for tried in range(_TRIES):
            text = shortest if not tried else self._reader.close(drawn(self.grammar, rng))
            if self.validates(json.loads(text)):
                found[text] = None
            read += len(text)
            if len(found) == _EXAMPLES or read > (_READ if found else _MOST_READ):
                break
        if not found:
            words = ", ".join(sorted(self.unseen))
            raise BadSchema(f"nothing was found that it allows; what is said by {words} is too narrow")
        return tuple(found)


@lru_cache(maxsize=256)
def _of_text(text: str) -> Constraint:
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadSchema(f"it is not JSON: {error}") from error
    return Constraint(schema)


def constraint(schema: Mapping[str, Any] | bool | str) -> Constraint:
    """The constraint of a schema, given as JSON text or as what that stands for; made once for each."""
    return _of_text(schema if isinstance(schema, str) else json.dumps(schema, ensure_ascii=False))


def _of_one_dialect(part: Any) -> Any:
    """A copy in which no part names a dialect of its own, which would be judged by another validator."""
    if isinstance(part, Mapping):
        return {
            key: _of_one_dialect(value)
            for key, value in part.items()
            if not (key == "$schema" and isinstance(value, str))
        }
    return [_of_one_dialect(value) for value in part] if isinstance(part, list) else part


def _shared(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
