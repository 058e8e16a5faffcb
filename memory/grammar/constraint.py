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
from .nodes import Grammar
from .schema import SchemaGrammar

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_EXAMPLES = 48
_TRIES = 4000
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
        """Whether `value` is what the schema says."""
        return bool(self._validator.is_valid(value))

    def complaint(self, value: Any) -> str:
        """What of the schema `value` breaks, in a clause; empty when nothing."""
        from jsonschema.exceptions import best_match

        error = best_match(self._validator.iter_errors(value))
        return "" if error is None else error.message

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for

        schema = self.schema if isinstance(self.schema, bool) else dict(self.schema)
        kind = validator_for(schema, default=Draft202012Validator)
        validator: Validator = kind(schema)
        return validator

    def _fits(self, value: Any, part: Mapping[str, Any]) -> bool:
        if part.keys() <= _PLAIN and "type" not in part:
            return True
        return bool(self._validator.evolve(schema=dict(part)).is_valid(value))

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.grammar)

    @cached_property
    def _examples(self) -> tuple[str, ...]:
        """Texts that validate, found by trying what the grammar allows. BadSchema when none is found."""
        rng, found = random.Random(0), dict[str, None]()
        shortest = self._reader.close("")
        for tried in range(_TRIES):
            text = shortest if not tried else self._reader.close(drawn(self.grammar, rng))
            if self.validates(json.loads(text)):
                found[text] = None
                if len(found) == _EXAMPLES:
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


def _shared(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
