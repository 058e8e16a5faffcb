"""Whether tool calls validate, and whether they are the right ones: random schemas, and files of known calls.

Promise: every sampled call counts, and validates or not by `jsonschema`, which made none of them. Accuracy is
measured with the words held to the schemas, and with the same model, prompt and settings without.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ...graphs import decision
from ...graphs.abc import Tool, ToolFailed
from ...graphs.native_tools import rebased
from ...memory.base_weights import resolve, served_gguf
from ...memory.engine import Completion, Message, Sampling, WakeEngine
from ...memory.errors import BadSchema
from ...memory.grammar.constraint import Ended
from ...memory.home import cache_path
from ...memory.llama_engine import LlamaEngine
from ..errors import UnreadableInput
from ..spec import Spec
from .calls import Case, read_cases, right
from .report import BenchReport, Say, figures_of, gathered, surroundings, target
from .schemas import random_schemas

_TOLD = 10  # schemas whose calls are drawn side by side, between two sentences of progress
_AT_ONCE = 32  # questions of known calls
_ASKED = "Call the tool with values of your own."
_VALUE = "value"
_HOW: Mapping[decision.Broken, Ended] = {"": "said", "cut": "closed", "unfit": "replaced"}


class Declared(Tool):
    """A tool that is only spoken of."""

    def __init__(self, name: str, description: str, parameters: Mapping[str, Any]) -> None:
        self.name, self.description, self.parameters = name, description, parameters

    def call(self, arguments: Mapping[str, Any]) -> str:
        raise ToolFailed("it is only spoken of here, and cannot be called")


@dataclass(frozen=True)
class ToolsPlan:
    """What is measured: `schemas` random ones, or those in a file, `samples` calls of each, and files of
    known calls with their answers.
    """

    schemas: int = 200
    samples: int = 10
    seed: int = 0
    max_tokens: int = 160
    schema_file: Path | None = None
    known: tuple[Path, ...] = ()
    answers: Path | None = None


def bench_tools(spec: Spec, plan: ToolsPlan, say: Say) -> BenchReport:
    """Raises UnreadableInput for a file that cannot be read."""
    where, began = surroundings(spec), time.monotonic()
    schemas = read_schemas(plan.schema_file) if plan.schema_file else random_schemas(plan.schemas, plan.seed)
    cases = {path.stem: read_cases(path, plan.answers) for path in plan.known}
    base = resolve(spec.model.source, cache_path())
    gguf = served_gguf(base, cache_path(), spec.model.serve_as)
    settings = spec.model
    with LlamaEngine(gguf, context_tokens=settings.context_tokens, threads=settings.threads) as engine:
        sampled = list(_sampled(engine, schemas, plan, say))
        known = {}
        for name, group in cases.items():
            rows = known[name] = list(_known(engine, group, spec, say))
            held, free = (sum(row[how] for row in rows) for how in ("constrained", "without"))
            say(f"{name}: {held} of {len(rows)} right, {free} without constraint")
    measured: dict[str, list[float | None]] = {
        "calls_valid": [float(row["valid"]) for row in sampled],
        "calls_said_to_their_end": [float(row["how"] == "said") for row in sampled],
        "tokens_per_call": [float(row["tokens"]) for row in sampled],
    }
    for name, rows in known.items():
        measured[f"{name}_constrained"] = [float(row["constrained"]) for row in rows]
        measured[f"{name}_without"] = [float(row["without"]) for row in rows]
    figures = figures_of(measured)
    targets = [target(figures, "calls_valid", "at least", 1.0)] if schemas and plan.samples else []
    runs = [*(row for row in sampled if not row["valid"]), *(row for rows in known.values() for row in rows)]
    return gathered("tools", where, spec, (plan.seed,), time.monotonic() - began, figures, targets, runs)


def read_schemas(path: Path) -> list[Any]:
    """A JSON list of schemas, or one schema a line. Raises UnreadableInput."""
    try:
        text = path.read_text(encoding="utf-8")
        rows = (
            json.loads(text)
            if text.lstrip().startswith("[")
            else [json.loads(x) for x in text.splitlines() if x]
        )
    except (OSError, ValueError) as error:
        raise UnreadableInput("file of schemas", path, str(error)) from None
    return list(rows)


def _sampled(
    engine: WakeEngine, schemas: Sequence[Any], plan: ToolsPlan, say: Say
) -> Iterator[dict[str, Any]]:
    """Calls drawn at temperature 1, as a turn decides on them, one row each."""
    for start in range(0, len(schemas), _TOLD):
        some = [_Drawn(at, schemas[at]) for at in range(start, min(start + _TOLD, len(schemas)))]
        seeds = [(each, plan.seed + 100_000 * each.number + n) for each in some for n in range(plan.samples)]
        asked = [
            (each, Sampling(temperature=1.0, seed=seed, max_tokens=plan.max_tokens))
            for each, seed in seeds
            if not each.refused
        ]
        decided = _decided(engine, asked)
        for each in some:
            if each.refused:
                why = {"how": "refused", "tokens": 0, "text": each.refused}
                yield {"schema": each.number, "valid": False, **why}
            else:
                yield from (each.row(said, call) for said, call in islice(decided, plan.samples))
        say(f"{start + len(some)} of {len(schemas)} schemas")


class _Drawn:
    """A schema that calls are drawn under: as a tool's parameters, or why it cannot be (`refused`)."""

    def __init__(self, number: int, schema: Any) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.validators import validator_for

        self.number, self.refused = number, ""
        self.tools: list[Tool] = []
        self._argument: str | None = None
        self._judge = validator_for(schema, default=Draft202012Validator)(schema)
        try:
            parameters, self._argument = _as_parameters(schema)
            self.tools = [Declared("tool", "does something", parameters)]
        except BadSchema as error:
            self.refused = error.cause

    def row(self, said: Completion, call: decision.Call) -> dict[str, Any]:
        given = call.arguments if self._argument is None else call.arguments[self._argument]
        return {
            "schema": self.number,
            "valid": self._judge.is_valid(given),
            "how": _HOW[call.broken],
            "tokens": len(said.tokens),
            "text": json.dumps(given, ensure_ascii=False),
        }


def _decided(
    engine: WakeEngine, asked: Sequence[tuple[_Drawn, Sampling]]
) -> Iterator[tuple[Completion, decision.Call]]:
    """A call for each, side by side where the base has no words of its own for tools."""
    messages = [Message("user", _ASKED)]
    if asked and decision.native(engine, asked[0][0].tools) is None:
        questions = [
            decision.deciding(engine, drawn.tools, messages, _ASKED, sampling, must=True)
            for drawn, sampling in asked
        ]
        for (drawn, _), said in zip(asked, engine.complete_all(questions), strict=True):
            call = decision.read(said.text, drawn.tools, must=True)
            assert call is not None
            yield said, call
        return
    for drawn, sampling in asked:
        found, call = decision.decide(engine, drawn.tools, messages, _ASKED, sampling, must=True)
        assert found is not None and call is not None
        yield found, call


def _as_parameters(schema: Any) -> tuple[Mapping[str, Any], str | None]:
    """The schema as that of a tool's parameters, and which of these it is where it allows no object, since
    arguments are one. Raises BadSchema.
    """
    if isinstance(schema, Mapping):
        with suppress(BadSchema):
            decision.constraint_of([Declared("tool", "", schema)], must=True)
            return schema, None
    wrapped = {
        "type": "object",
        "properties": {_VALUE: rebased(schema, f"#/properties/{_VALUE}")},
        "required": [_VALUE],
        "additionalProperties": False,
    }
    decision.constraint_of([Declared("tool", "", wrapped)], must=True)
    return wrapped, _VALUE


def _known(engine: WakeEngine, cases: Sequence[Case], spec: Spec, say: Say) -> Iterator[dict[str, Any]]:
    """Whether the right call comes, or none where none is right; greedily, held to the schemas and not."""
    for start in range(0, len(cases), _AT_ONCE):
        questions = [_Question(engine, case, spec) for case in cases[start : start + _AT_ONCE]]
        held = [each for each in questions if each.held is not None]
        said = engine.complete_all([(each.asked, each.held) for each in held if each.held is not None])
        calls = {id(each): decision.read(one.text, each.tools) for each, one in zip(held, said, strict=True)}
        free = engine.complete_all([(each.asked, each.free) for each in questions])
        for question, words in zip(questions, free, strict=True):
            call = calls.get(id(question))
            given = None if call is None else (call.name, call.arguments)
            yield {
                "id": question.case.id,
                "constrained": question.held is not None and right(question.case, given),
                "without": right(question.case, _free_call(words.text)),
                **({"refused": question.refused} if question.refused else {}),
            }
        say(f"{min(start + _AT_ONCE, len(cases))} of {len(cases)} known calls")


class _Question:
    """What is asked of a known case, and how: `held` to its schemas, None where they are `refused`."""

    def __init__(self, engine: WakeEngine, case: Case, spec: Spec) -> None:
        self.case, self.refused = case, ""
        self.tools = [Declared(each.name, each.description, each.parameters) for each in case.tools]
        told = f"{case.question}\n\n{decision.instruction(self.tools, case.question)}"
        self.asked = [Message("system", spec.persona), Message("user", told)]
        room = max(16, engine.context_tokens - engine.count_messages(self.asked))
        self.free = Sampling(max_tokens=min(spec.tools.call_tokens, room))
        self.held: Sampling | None = None
        try:
            decision.constraint_of(self.tools)
            self.held = replace(self.free, json_schema=decision.schema(self.tools))
        except BadSchema as error:
            self.refused = error.cause


def _free_call(text: str) -> tuple[str, Mapping[str, Any]] | None:
    """The first JSON object in free words, read as a call; None for none."""
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return None
    name, arguments = found.get("tool"), found.get("arguments", {})
    if not isinstance(name, str) or name == "none" or not isinstance(arguments, Mapping):
        return None
    return name, arguments
