"""The judge: runs the tests against a proxy of the code, and says what held.

Promise: only values that came over and were found right make it pass. It takes from the code no name that is
Python's own, unless the tests ask the code for nothing else; nor a module whose attributes the tests use.
"""

from __future__ import annotations

import builtins
import os
import sys

from .names import ModuleName
from .peer import Peer, PeerGone, Remote, RemoteType
from .wire import WireError

TYPE_CHECKING = False  # `typing` takes longer to import than most code takes to judge
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FunctionType
    from typing import Any

    Outcome = tuple[str, str]

_SHOWN_CHARS = 160
_MODULE = "tests"


class Unusable(Exception):
    """The tests cannot be used. Its text is a clause."""


class Scope(dict["str", "Any"]):
    """The tests' global names; those it lacks are the code's."""

    def __init__(self, peer: Peer, names: set[str], used: set[str], modules: set[str]) -> None:
        super().__init__(__name__=_MODULE, __builtins__=builtins)
        self.peer, self.modules = peer, modules
        shadowed = {name for name in names & used if hasattr(builtins, name)}
        # A test of a function called `sum` means the code's; a test of `solve` that calls `abs` means
        # Python's.
        only_these = len(shadowed) == 1 and not (names & used) - shadowed
        self.offered = names - (
            {name for name in names if hasattr(builtins, name)} - (shadowed if only_these else set())
        )

    def __missing__(self, name: str) -> Any:
        if name not in self.offered:
            raise KeyError(name)
        found = self[name] = self.of_the_code(name)
        return found

    def imported(self, name: str) -> Any:
        """As `of_the_code`, for `from solution import ...`."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self.of_the_code(name)

    def of_the_code(self, name: str) -> Any:
        """What the code calls `name`; this process's own module where the tests mean one."""
        if name in self.modules:
            return __import__(name)
        found = self.peer.ask("name", name)
        if isinstance(found, ModuleName):
            return __import__(str(found))
        if isinstance(found, RemoteType):
            self.peer.named.add(found.__dict__["_number"])
        return found


def run_tests(peer: Peer, tests: str, entry_point: str) -> Outcome:
    """The outcome of `tests` over the code behind `peer`, and its evidence. Raises Unusable."""
    try:
        compiled = compile(tests, _MODULE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Unusable(f"the tests are not Python: {error}") from None
    try:
        defined = _announced(peer)
    except PeerGone:
        return "failed", "the code ended its process while it was loaded"
    except WireError as error:
        return "failed", f"the code broke off: {error}"
    except BaseException as error:  # noqa: BLE001  what loading raised over there
        return "failed", f"the code does not load: {_said(error)}"
    used = set(_names(compiled)) | ({entry_point} if entry_point else set())
    names = {name for name, _ in defined}
    scope = Scope(peer, names, used, _modules(tests, names & used & sys.stdlib_module_names))
    return _outcome(peer, compiled, scope, tests.splitlines(), entry_point, defined)


def _announced(peer: Peer) -> list[tuple[str, bool]]:
    names = peer.hear()
    if type(names) is not list:
        raise WireError("it announced no names")
    return [(str(name), own is True) for name, own in names if type(name) is str]


def _outcome(
    peer: Peer,
    compiled: CodeType,
    scope: Scope,
    lines: list[str],
    entry_point: str,
    defined: list[tuple[str, bool]],
) -> Outcome:
    sys.modules[_MODULE] = type(sys)(_MODULE)
    importable = sys.modules["solution"] = type(sys)("solution")
    importable.__dict__["__getattr__"] = scope.imported
    try:
        exec(compiled, scope)
        _call_what_is_defined(peer, scope, entry_point, defined)
    except Unusable:
        raise
    except PeerGone:
        return "failed", f"the code ended its own process{_last(peer)}"
    except BaseException as error:  # noqa: BLE001  the verdict is exactly what this was
        return "failed", _where(error, lines) + _last(peer)
    if not peer.asked:
        return "unsure", "the tests hold, but they never used the code"
    return "passed", f"the tests hold; they asked the code {peer.asked} times"


def _call_what_is_defined(
    peer: Peer, scope: Scope, entry_point: str, defined: list[tuple[str, bool]]
) -> None:
    check = dict.get(scope, "check")
    if isinstance(check, _FUNCTION) and check.__code__.co_argcount == 1 and not peer.asked:
        own = [name for name, is_function in defined if is_function and not name.startswith("_")]
        if not entry_point and not own:
            raise Unusable("the tests define check(candidate), and the code no function to give it")
        check(scope.of_the_code(entry_point or own[-1]))
    for name, value in list(scope.items()):
        if name.startswith("test") and isinstance(value, _FUNCTION) and not _arguments(value):
            value()
    unittest = sys.modules.get("unittest")
    if unittest is not None:
        for value in list(scope.values()):
            if (
                isinstance(value, type)
                and issubclass(value, unittest.TestCase)
                and value.__module__ == _MODULE
            ):
                _run_case(unittest, value)


def _arguments(function: FunctionType) -> int:
    return function.__code__.co_argcount - len(function.__defaults__ or ())


def _run_case(unittest: Any, case: type) -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    for test, trace in (*result.failures, *result.errors):
        raise AssertionError(f"{test.id()}: {trace.strip().splitlines()[-1]}")
    if result.unexpectedSuccesses or not result.testsRun:
        raise AssertionError(f"{case.__name__} did not do what it expected")


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, _CODE):
            yield from _names(constant)


def _modules(tests: str, names: set[str]) -> set[str]:
    """Of `names`, which modules of Python's have too, those that the tests use as the module: `copy.copy(x)`
    means it, `copy(x)` and `copy.pages` mean the code's.
    """
    if not names:
        return set()
    import ast

    taken: dict[str, set[str]] = {name: set() for name in names}
    owners: set[int] = set()
    for node in ast.walk(ast.parse(tests)):  # an attribute comes before what it is taken of
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            taken.get(node.value.id, set()).add(node.attr)
            owners.add(id(node.value))
        elif isinstance(node, ast.Name) and id(node) not in owners:
            taken.pop(node.id, None)
    return {name for name, attributes in taken.items() if attributes and _has(name, attributes)}


def _has(module: str, attributes: set[str]) -> bool:
    if module in _LOUD:
        return False
    try:
        found = __import__(module)
    except ImportError:
        return False
    return all(hasattr(found, name) for name in attributes)


_LOUD = frozenset({"this", "antigravity"})  # importing them prints a poem and opens a browser


def _where(error: BaseException, lines: list[str]) -> str:
    """What went wrong in which line of the tests."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _MODULE:
            line = trace.tb_lineno
        trace = trace.tb_next
    text = _short(lines[line - 1].strip()) if 0 < line <= len(lines) else ""
    place = f"line {line} of the tests, `{text}`" if line else "the tests"
    if type(error) is AssertionError:
        reason = f" ({_short(str(error.args[0]))})" if error.args and isinstance(error.args[0], str) else ""
        return f"{place}, does not hold{reason}"
    return f"{place}, raised {_said(error)}"


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  an error whose text is made over there
        text = ""
    return _short(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def _last(peer: Peer) -> str:
    if not peer.last:
        return ""
    called, arguments, keywords, gave = peer.last
    name = (
        getattr(type(called), "__name__", "")
        if isinstance(called, RemoteType)
        else object.__getattribute__(called, "_name")
    )
    given = ", ".join(
        [*map(_plainly, arguments), *(f"{key}={_plainly(value)}" for key, value in keywords.items())]
    )
    verb = "raised" if isinstance(gave, BaseException) else "gave"
    return f"; the last call {name}({given}) {verb} {_plainly(gave)}"


def _plainly(value: Any) -> str:
    if isinstance(value, Remote):
        return f"an object of the code's own ({type(value).__name__})"
    try:
        return _short(repr(value))
    except BaseException:  # noqa: BLE001  it holds an object of a process that has gone
        return f"a {type(value).__name__}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."


def judge(source: str, rest: Any, spawn: Any) -> dict[str, Any]:
    """Forks the code process, and only then reads the tests (`rest()` gives them)."""
    reading, writing, pid = spawn(source)
    given = rest()
    peer = Peer(reading, writing, _guard, lambda name: None)
    try:
        outcome, evidence = run_tests(peer, given["tests"], given["entry_point"])
    except Unusable as error:
        outcome, evidence = "unusable", str(error)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return {"outcome": outcome, "evidence": evidence}


def _guard(op: str, target: Any, rest: tuple[Any, ...]) -> bool:
    """What the code may do to what the tests handed it: call it, and use objects of the tests' own
    classes.
    """
    own = type(target).__module__ == _MODULE
    if op == "call":
        return callable(target) and (not isinstance(target, type) or target.__module__ == _MODULE)
    if op in ("get", "set"):
        return own and type(rest[0]) is str and not rest[0].startswith("_")
    if op == "unary":
        return own or hasattr(type(target), "__next__")
    return own and op in ("item", "setitem", "delitem", "contains", "eq", "binary")


_FUNCTION: Any = type(judge)
_CODE: Any = type(judge.__code__)
