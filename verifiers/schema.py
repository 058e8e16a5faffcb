"""`schema`: an answer passes when it is JSON that a JSON Schema allows.

Promise: references in a schema are never fetched, and a pattern that never ends is ended: such a claim is
unsure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from .abc import Claim, Key, Verdict, Verifier
from .bounded import BoundedWorkers
from .errors import UnusableCheck

_TIMEOUT_S = 5.0
_FORBIDS_NOTHING = "a schema must be a JSON object that forbids something"


class Schema(Verifier):
    """Judges the text, as JSON, by `fields["schema"]`, a JSON Schema (draft 2020-12 unless it names
    another).
    """

    name = "schema"
    keys: ClassVar[Mapping[str, Key]] = {
        "answer": Key("json", needed=True),
        "schema": Key("json", needed=True),
    }

    def __init__(self) -> None:
        self._workers = BoundedWorkers(__name__, _TIMEOUT_S)

    @classmethod
    def fault(cls, given: Mapping[str, Any]) -> str | None:
        from jsonschema import exceptions, validators

        schema = given["schema"]
        if _forbids_nothing(schema):
            return _FORBIDS_NOTHING
        try:
            validators.validator_for(schema, default=validators.Draft202012Validator).check_schema(schema)
        except exceptions.SchemaError as error:
            return f"the schema is none: {error.message}"[:300]
        return None

    def judge(self, claim: Claim) -> Verdict:
        started = time.perf_counter()
        schema = claim.fields.get("schema")
        if _forbids_nothing(schema):
            raise UnusableCheck(_FORBIDS_NOTHING)
        try:
            json.loads(claim.text)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", "it nests too deeply")
            return Verdict("failed", f"it is not JSON ({reason})", time.perf_counter() - started)
        found = self._workers.call({"answer": claim.text, "schema": schema})
        seconds = time.perf_counter() - started
        if found is None:
            return Verdict("unsure", f"it was not judged within {_TIMEOUT_S:g} s", seconds)
        if found.get("unusable") or found.get("error"):
            raise UnusableCheck(found.get("unusable") or found["error"])
        fault = found["fault"]
        return Verdict(
            "failed" if fault else "passed", fault or "the schema allows it", seconds, found["cpu_s"]
        )

    def close(self) -> None:
        self._workers.close()


def _forbids_nothing(schema: Any) -> bool:
    return not isinstance(schema, dict | bool) or schema is True or schema == {}


def prepare() -> None:
    """Imports what `answer` needs."""
    import jsonschema  # noqa: F401


def answer(payload: Mapping[str, Any]) -> dict[str, Any]:
    """In the other process: the first `fault` of an answer under a schema, if any; `unusable` when it is
    none.
    """
    from jsonschema import exceptions, validators
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    schema = payload["schema"]
    kind = validators.validator_for(schema, default=validators.Draft202012Validator)
    try:
        kind.check_schema(schema)
        faults = list(kind(schema, registry=Registry()).iter_errors(json.loads(payload["answer"])))
    except exceptions.SchemaError as error:
        return {"unusable": f"the schema is none: {error.message}"[:300]}
    except Unresolvable as error:
        return {"unusable": f"the schema refers to what is not in it ({error})"[:300]}
    if not faults:
        return {"fault": ""}
    fault = exceptions.best_match(faults)
    place = "".join(f"[{part!r}]" for part in fault.absolute_path)
    return {"fault": f"{place or 'it'}: {fault.message}"[:300]}
