"""The benches of tools and traces: what counts as right, and that what they print was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_models import TinyShape, write_tiny_llama

from dormouse.memory.grammar.constraint import constraint
from dormouse.memory.llama_engine import LlamaEngine
from dormouse.runtime.bench import tools, traces
from dormouse.runtime.bench.calls import Case, read_cases, right, schema_of
from dormouse.runtime.bench.schemas import random_schemas
from dormouse.runtime.bench.tools import ToolsPlan, bench_tools, read_schemas
from dormouse.runtime.errors import UnreadableInput
from dormouse.runtime.spec import Spec

AREA = {
    "name": "area",
    "description": "Area of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {"base": {"type": "float"}, "unit": {"type": "string", "default": "cm"}},
        "required": ["base"],
    },
}
CASE = Case("a", "?", (), ({"area": {"base": [10, 10.0], "unit": ["cm", ""]}},))


@pytest.mark.parametrize(
    ("call", "is_right"),
    [
        (("area", {"base": 10}), True),
        (("area", {"base": 10.0, "unit": "CM"}), True),
        (("area", {"base": 11}), False),
        (("area", {"unit": "cm"}), False),
        (("area", {"base": 10, "height": 3}), False),
        (("volume", {"base": 10}), False),
        (("area", {"base": True}), False),
        (None, False),
    ],
)
def test_what_is_right(call: Any, is_right: bool) -> None:
    assert right(CASE, call) == is_right
    assert right(Case("b", "?", (), None), call) == (call is None)


def test_files_in_the_leaderboards_form(tmp_path: Path) -> None:
    row = {"id": "q1", "question": [[{"role": "user", "content": "How large?"}]], "function": [AREA]}
    (tmp_path / "possible_answer").mkdir()
    (tmp_path / "simple.json").write_text(json.dumps(row) + "\n")
    (tmp_path / "irrelevance.json").write_text(json.dumps(row) + "\n")
    with pytest.raises(UnreadableInput, match="possible_answer"):
        read_cases(tmp_path / "simple.json", None)
    truth = {"id": "q1", "ground_truth": [{"area": {"base": [10]}}]}
    (tmp_path / "possible_answer" / "simple.json").write_text(json.dumps(truth))
    (case,) = read_cases(tmp_path / "simple.json", None)
    assert case.question == "How large?" and right(case, ("area", {"base": 10}))
    assert case.tools[0].parameters["properties"]["base"] == {"type": "number"}
    assert constraint(case.tools[0].parameters).validates({"base": 1.5})
    assert read_cases(tmp_path / "irrelevance.json", None)[0].expected is None
    assert schema_of({"type": "any"}) == {}


def test_schemas_may_be_given_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    for text in ('[{"type": "null"}, {}]', '{"type": "null"}\n{}\n'):
        path.write_text(text)
        assert read_schemas(path) == [{"type": "null"}, {}]
    path.write_text("{")
    with pytest.raises(UnreadableInput):
        read_schemas(path)


def test_the_same_seed_gives_the_same_schemas() -> None:
    assert random_schemas(5, 3) == random_schemas(5, 3) != random_schemas(5, 4)


def test_random_schemas_are_of_many_kinds_at_their_root_and_calls_of_each_are_decided_as_in_a_turn(
    tmp_path: Path,
) -> None:
    schemas = random_schemas(40, 1)
    roots = {key for schema in schemas for key in schema}
    assert {"properties", "anyOf", "oneOf", "allOf", "$ref", "additionalProperties"} <= roots
    gguf = write_tiny_llama(tmp_path / "t.gguf", seed=3, shape=TinyShape(context=4096))
    few = [next(schema for schema in schemas if key in schema) for key in ("anyOf", "allOf", "$ref")]
    few += [schema for schema in schemas if "properties" not in schema and "type" in schema][:1]
    with LlamaEngine(gguf, context_tokens=4096, threads=1) as engine:
        rows = list(sampled(engine, [*few, {"type": "integer", "minimum": 3}, False], ToolsPlan(samples=1)))
    assert [row["valid"] for row in rows] == [True] * 5 + [False]
    assert rows[-1]["how"] == "refused" and int(rows[-2]["text"]) >= 3


def sampled(engine: LlamaEngine, schemas: list[Any], plan: ToolsPlan) -> Any:
    return tools._sampled(engine, schemas, replace(plan, max_tokens=40), lambda said: None)


@pytest.mark.slow
def test_the_benches_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps([{"type": "integer", "minimum": 3}, False]))
    asked = {
        "id": "irrelevance_0",
        "question": [[{"role": "user", "content": "Why is the sky blue?"}]],
        "function": [AREA],
    }
    known = tmp_path / "BFCL_v4_irrelevance.json"
    known.write_text(json.dumps(asked))
    told: list[str] = []
    report = bench_tools(Spec(), ToolsPlan(samples=2, schema_file=path, known=(known,)), told.append)
    assert report.figures["calls_valid"].mean == pytest.approx(2 / 3) and not report.passed
    right, free = (report.figures[f"{known.stem}_{how}"].mean for how in ("constrained", "without"))
    assert told[-1] == f"{known.stem}: {right:.0f} of 1 right, {free:.0f} without constraint"
    monkeypatch.setattr(traces, "_ASKED", traces._ASKED[:2])
    measured = traces.bench_traces(Spec(), 1, lambda said: None).figures
    assert measured["bytes_per_token"].n == 2 and measured["bytes_per_token"].mean > 30
    assert 0.5 < measured["median_ratio"].mean < 2
