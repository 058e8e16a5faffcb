"""The spec: what loads, what is refused, and that a refusal says everything at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from dormouse.memory.errors import BadInput
from dormouse.runtime.errors import SpecError, UnreadableInput
from dormouse.runtime.settings import ToolName
from dormouse.runtime.spec import Spec, find_spec
from dormouse.runtime.starter import starter_text, write_starter
from dormouse.runtime.toolbox.build import BUILT_IN
from dormouse.verifiers.abc import Claim, Means
from dormouse.verifiers.built_in import BY_NAME, named
from dormouse.verifiers.declared import built, for_memories

MANY_FAULTS = """\
nmae: Rex
persona: 12
model:
  source: embedded
  context_tokens: lots
  serve_as: f15
memory:
  recall: {top_k: 0}
tools: [calculator, hammer]
verifiers: support
exam: 7
"""


def load(folder: Path, text: str) -> Spec:
    path = folder / "a.yaml"
    path.write_text(text)
    return Spec.load(path)


def faults(folder: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(SpecError) as caught:
        load(folder, text)
    assert caught.value.exit_code == 2
    return [(fault.line, fault.key, fault.problem) for fault in caught.value.faults]


def test_all_faults_are_reported_at_once_with_their_lines(tmp_path: Path) -> None:
    found = faults(tmp_path, MANY_FAULTS)
    assert [(line, key) for line, key, _ in found] == [
        (1, "nmae"),
        (2, "persona"),
        (5, "model.context_tokens"),
        (6, "model.serve_as"),
        (8, "memory.recall.top_k"),
        (9, "tools.offer[1]"),
        (10, "verifiers"),
        (11, "exam"),
    ]


def test_the_text_has_a_line_for_each_fault(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, MANY_FAULTS)
    head, *lines = str(caught.value).splitlines()
    assert head == f"The spec {tmp_path / 'a.yaml'} has 8 faults:"
    assert [int(match[1]) for line in lines if (match := re.match(r"  line (\d+): ", line))] == [
        1,
        2,
        5,
        6,
        8,
        9,
        10,
        11,
    ]


def test_one_fault_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, "persona: 12")
    assert str(caught.value) == (
        f"The spec {tmp_path / 'a.yaml'} has a fault in line 1: "
        "persona must be text of 1 to 4000 characters, and it is 12."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nmae: x", "did you mean name?"),
        ("zzz: x", "keys here are name, persona, model"),
        ("memory: {recall: {topk: 3}}", "did you mean top_k?"),
        ("model: {serve-as: f16}", "did you mean serve_as?"),
        ("model: {serve_as: f15}", "'auto', 'f16' or 'as-is'"),
        ("memory: {recall: {top_k: 0}}", "a whole number from 1 to 100"),
        ("memory: {recall: {enabled: 7}}", "true or false"),
        ("tools: [hammer]", "must be 'calculator', 'clock', 'files'"),
        ("tools: [{import: a:b, url: 'http://x'}]", "cannot have both import and url"),
        ("tools: [{import: nowhere}]", "text that matches"),
        ("tools: [{name: files, approval: sometimes}]", "'never', 'ask' or 'always'"),
        ("tools: [{nmae: clock}]", "did you mean name?"),
        ("verifiers: [suport]", "names what is not there: there is no verifier 'suport'"),
        ("name: 2024-01-01", "must be text"),
        ("sleep: {training: {learning_rate: 0}}", "a number above 0"),
        ("memory: {context: {max_answer_tokens: 4000}}", "must leave half of model.context_tokens"),
        ("model: !!python/object:os.system {}", "tags are not used here"),
        ("3: x", "is not a known key"),
        ("[a]: x", "a key that is not a word"),
        ("name: a\nname: b", "stands there twice, first in line 1"),
        ("- a\n- b", "a spec is a mapping of keys"),
        ("just words", "a spec is a mapping of keys"),
        ("name: [", "is not YAML"),
        ("name:\n\t- x", "is not YAML"),
        ("a: b\n---\nc: d", "is not YAML"),
        ("name: \x01", "control characters"),
        ("a: &a [1]\nb: &b [" + "*a, " * 300 + "]\nc: [" + "*b, " * 300 + "]", "repeats too much"),
        ("a: &a [*a]", "nests or repeats too much"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in f"{key} {problem}" for _, key, problem in faults(tmp_path, text))


def test_faults_in_keys_and_in_values_come_together(tmp_path: Path) -> None:
    found = faults(tmp_path, "name: a\nname: b\npersona: ''\n")
    assert [(line, key) for line, key, _ in found] == [(2, "name"), (3, "persona")]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "sleep:\nmemory:\n  recall:\nmodel:\n"])
def test_what_is_left_out_is_the_default(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Spec()


def test_a_byte_order_mark_is_not_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: Rex\n")
    assert Spec.load(path).name == "Rex"


def test_bare_forms_stand_for_sections(tmp_path: Path) -> None:
    spec = load(tmp_path, "model: hf://o/r/f.gguf\ntools: [clock]\n")
    assert spec.model.source == "hf://o/r/f.gguf"
    assert [entry.name for entry in spec.tools.offer] == ["clock"]


def test_a_relative_model_counts_from_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "model: weights/a.gguf").model.source == str(tmp_path / "weights" / "a.gguf")
    assert load(tmp_path, "model: embedded").model.source == "embedded"
    assert load(tmp_path, "model: {source: /x/a.gguf}").model.source == "/x/a.gguf"


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    binary, large = tmp_path / "b.yaml", tmp_path / "l.yaml"
    binary.write_bytes(b"name: x\n\xff\xfe")
    large.write_text("#" * (1 << 21))
    for path, reason in [
        (tmp_path / "absent.yaml", "there is no such file"),
        (tmp_path, "it is a folder"),
        (binary, "line 2 is not UTF-8 text"),
        (large, "it is larger than 1 MiB"),
    ]:
        with pytest.raises(UnreadableInput, match=reason):
            Spec.load(path)


def test_the_spec_used_is_the_given_else_the_folders_else_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_spec(None) == Spec()
    Path("dormouse.yaml").write_text("name: here\n")
    Path("other.yaml").write_text("name: other\n")
    assert find_spec(None).name == "here"
    assert find_spec(Path("other.yaml")).name == "other"
    Path("dormouse.yaml").write_text("name: [\n")
    with pytest.raises(SpecError):
        find_spec(None)


def test_a_contradiction_is_refused_in_python_too() -> None:
    with pytest.raises(ValueError, match="must leave half"):
        Spec.model_validate({"model": {"context_tokens": 256}})


def test_the_starter_loads_and_is_all_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, starter_text()) == Spec()


def test_every_commented_setting_of_the_starter_may_be_uncommented(tmp_path: Path) -> None:
    text = starter_text()
    active = re.sub(r"(?m)^( *)#(\w+:)", r"\1\2", text)
    assert active != text
    assert load(tmp_path, active) == Spec()
    set_lines = {line.strip().split(":")[0] for line in active.splitlines() if re.match(r" *\w+:", line)}
    assert set_lines == all_keys(Spec.model_json_schema())


def all_keys(schema: dict[str, Any]) -> set[str]:
    in_lists = ("ToolEntry", "ToolExample")  # a list's entries have no line of their own
    models = [schema, *(part for name, part in schema["$defs"].items() if name not in in_lists)]
    return {key for model in models for key in model.get("properties", {})}


def test_the_starter_is_not_written_over_something(tmp_path: Path) -> None:
    path = tmp_path / "dormouse.yaml"
    write_starter(path)
    with pytest.raises(BadInput, match="--force"):
        write_starter(path)
    path.write_text("name: mine\n")
    write_starter(path, replace=True)
    assert Spec.load(path) == Spec()
    for refused in (tmp_path, tmp_path / "no" / "folder.yaml"):
        with pytest.raises(BadInput):
            write_starter(refused)


def test_the_schema_offers_shorthands_and_closes_every_section() -> None:
    schema = Spec.model_json_schema()
    json.dumps(schema)
    assert {way.get("type", "section") for way in schema["properties"]["model"]["anyOf"]} == {
        "string",
        "section",
    }
    assert all(model.get("additionalProperties") is False for model in [schema, *schema["$defs"].values()])
    assert all(field.get("description") for field in schema["properties"].values())


def test_names_in_the_schema_are_those_that_exist() -> None:
    assert set(get_args(ToolName)) == set(BUILT_IN)
    assert set(Spec().verifiers) == set(BY_NAME) == {verifier.name for verifier in named(BY_NAME)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[{any: []}]", "any takes a list of verifiers that is not empty"),
        ("[{all: [support, {first: [suport]}]}]", "there is no verifier 'suport'"),
        (
            "[{support: {strict: true}}]",
            "has a fault at support.strict: it is not a known setting; support has none",
        ),
        (
            "[{support: [strict]}]",
            'has a fault at support: its settings must be a mapping, and they are ["st',
        ),
        (
            "[{match: {forbids: x}}]",
            "match.forbids: it is not a known setting; the settings there are expect, forbid, how, tolerance",
        ),
        ("[{match: {how: exact}}]", "has a fault at match: it needs something to expect or to forbid"),
        (
            "[{match: {expect: x, how: near}}]",
            "has a fault at match: how must be one of holds, exact, regex, number, and it is 'near'",
        ),
        ("[{match: {expect: 3}}]", "at match: expect must be a string or a list of strings, and it is 3"),
        ("[{match: {forbid: '(', how: regex}}]", "has a fault at match: '(' is no regular expression"),
        ("[{schema: {schema: {type: oval}}}]", "has a fault at schema: the schema is none: 'oval' is not"),
        ("[{ensemble: {samples: 1}}]", "has a fault at ensemble.samples: "),
        ("[{simulator: {}}]", "has a fault at simulator.callable: field required"),
        ("[{support: {}, fiction: {}}]", "must be a name, a name with its settings, or all, any or first"),
    ],
)
def test_a_verifier_that_cannot_be_built_is_a_fault(tmp_path: Path, text: str, says: str) -> None:
    for key in ("verifiers", "awake"):
        (tmp_path / "s.yaml").write_text(f"name: x\n{key}: {text}\n")
        with pytest.raises(SpecError, match="line 2") as raised:
            Spec.load(tmp_path / "s.yaml")
        assert says in str(raised.value)


def test_verifiers_compose(tmp_path: Path) -> None:
    text = "verifiers:\n  - all: [support, {any: [fiction, support]}]\n  - tests\n"
    (tmp_path / "s.yaml").write_text(text)
    spec = Spec.load(tmp_path / "s.yaml")
    found = for_memories(spec.verifiers[:2], Means())
    assert [verifier.name for verifier in found] == ["all"], "tests cannot judge a memory"
    assert found[0].judge(Claim("cat", source="a dog")).evidence.startswith("support: the words 'cat'")


def test_what_a_verifier_compares_with_may_be_declared(tmp_path: Path) -> None:
    text = """
awake:
  - match: {forbid: [password, secret]}
  - all:
      - match: {expect: "^[A-Z]", how: regex}
      - schema: {schema: {type: string}}
"""
    (tmp_path / "s.yaml").write_text(text)
    forbids, both = (built(declared, Means()) for declared in Spec.load(tmp_path / "s.yaml").awake)
    assert forbids.judge(Claim("The password is 1.")).outcome == "failed"
    assert forbids.judge(Claim("I will not say.")).outcome == "passed"
    assert forbids.judge(Claim("A secret", forbid=("x",))).outcome == "passed", "the claim's own go first"
    assert both.judge(Claim('"Yes"')).outcome == "failed"
    both.close()


def test_a_match_that_is_told_what_to_compare_with_judges_memories_too() -> None:
    assert for_memories(["match"], Means()) == ()
    (found,) = for_memories([{"match": {"forbid": ["Rex"]}}], Means())
    assert found.judge(Claim("Rex", source="My dog is Rex")).outcome == "failed"
