"""Calling an agent from the screens: in a thread of its own, so that no key waits for it.

Promise: what the call raises for a person to read becomes a notice, in its own sentence; leaving the program
does not wait for a call. Knows threads and asyncio; nothing of what is called.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ...memory.errors import DormouseError

if TYPE_CHECKING:
    from textual.dom import DOMNode

T = TypeVar("T")


def in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    """The result of `call`, made in a daemon thread: asyncio's own pool would be waited for at the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():  # whoever asked has gone
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:  # noqa: BLE001 (raised again where it is awaited)
            error = raised
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="dormouse-screen", daemon=True).start()
    return future


def begin(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], *, group: str, exclusive: bool = False
) -> None:
    """Run it beside everything else; the coroutine is made only when it is run, so that none is left over."""
    node.run_worker(work, group=group, exclusive=exclusive)  # type: ignore[arg-type]  # inferred as Never


def sentence(error: Exception) -> str:
    """What to show for an error."""
    from ...verifiers.errors import VerifierError

    if isinstance(error, DormouseError | VerifierError):
        return str(error)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return f"This is a fault in Dormouse ({what})."


def ask(
    node: DOMNode,
    call: Callable[[], T],
    then: Callable[[T], object] = lambda result: None,
    *,
    group: str,
    exclusive: bool = True,
    otherwise: Callable[[], None] = lambda: None,
) -> None:
    """Make the call and give `then` its result; a newer call of the same `group` replaces an `exclusive` one.

    `otherwise` is called after a failure has been shown.
    """

    async def run() -> None:
        try:
            result = await in_thread(call)
        except Exception as error:  # noqa: BLE001 (shown, whatever it is: one failed call ends no chat)
            node.app.notify(sentence(error), severity="error", markup=False)
            otherwise()
        else:
            if node.is_attached:
                then(result)

    begin(node, run, group=group, exclusive=exclusive)
