"""An engine in front of another passes on all of the interface, whatever is added to it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from dormouse.memory.engine import Mount, WakeEngine
from dormouse.memory.forwarding_engine import ForwardingEngine

PUBLIC = [name for name in vars(WakeEngine) if not name.startswith("_")]
SERVING = [
    name
    for name in PUBLIC
    if inspect.isroutine(method := inspect.getattr_static(WakeEngine, name))
    and "adapters" in inspect.signature(method).parameters
]
STACK = (Mount("mine", Path("mine.gguf")),)


class Stacked(ForwardingEngine):
    """Serves with a stack of its own where none is named."""

    def _serving(self, adapters: Sequence[Mount] | None) -> tuple[WakeEngine, Sequence[Mount] | None]:
        return self._engine, STACK if adapters is None else adapters


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_is_passed_on_with_all_its_arguments(name: str) -> None:
    behind = create_autospec(WakeEngine, instance=True)
    front = ForwardingEngine(behind)
    member = inspect.getattr_static(WakeEngine, name)
    if isinstance(member, property):
        assert getattr(front, name) is getattr(behind, name)
        return
    signature = inspect.signature(member)
    given = {argument: object() for argument in list(signature.parameters)[1:]}
    result = getattr(front, name)(**given)
    call = getattr(behind, name).call_args
    passed = signature.bind(None, *call.args, **call.kwargs).arguments
    assert {argument: passed[argument] for argument in given} == given
    if signature.return_annotation != "None":
        assert result is getattr(behind, name).return_value


@pytest.mark.parametrize("name", SERVING)
def test_a_stack_of_its_own_goes_with_every_call_that_names_none(name: str) -> None:
    behind = create_autospec(WakeEngine, instance=True)
    parameters = list(inspect.signature(getattr(WakeEngine, name)).parameters.values())[1:]
    required = [object() for each in parameters if each.default is each.empty]
    getattr(Stacked(behind), name)(*required)
    assert getattr(behind, name).call_args.kwargs["adapters"] == STACK
