"""Which questions an adapter is to answer: those whose answers it would open as it was taught.

Promise: an adapter whose mount says how its answers open is asked for the first words of one, in an empty
context and beside any session; where it would open otherwise it has nothing of its own to say, and the bare
base answers as if nothing were mounted. Adapters that say nothing of it answer everything. Knows engines and
messages; nothing of memories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import readings
from .engine import Completion, Message, Mount, Sampling, WakeEngine


def speaks(
    engine: WakeEngine,
    asked: Sequence[Sequence[Message]],
    adapters: Sequence[Mount] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[bool]:
    """Whether the stack answers each of these conversations, by its user's last words; `adapters` as in
    WakeEngine. Once `cancelled` says True, all that is left is the stack's.
    """
    stack = engine.mounted if adapters is None else adapters
    opens = stack[-1].opens if stack else ""
    if not opens:
        return [True] * len(asked)
    few = Sampling(max_tokens=len(engine.tokenize(opens, special=False)))
    begun = engine.complete_all(
        [(_alone(messages), few) for messages in asked], adapters=stack, cancelled=cancelled
    )
    return [one.finish == "cancelled" or one.text.lstrip().startswith(opens) for one in begun]


def usual(engine: WakeEngine) -> Sequence[Mount] | None:
    """Who answers what asks for no memory, as WakeEngine takes it: the bare base, or the stack mounted."""
    return () if engine.mounted and engine.mounted[-1].opens else None


def complete_all(
    engine: WakeEngine,
    asked: Sequence[tuple[Sequence[Message], Sampling]],
    adapters: Sequence[Mount],
    begun: Sequence[Sequence[Message]] | None = None,
) -> list[Completion]:
    """As WakeEngine.complete_all, each answered by the stack or, where that does not speak, by the base. With
    `begun` it is these conversations that say so.
    """
    spoken = speaks(engine, begun or [messages for messages, _ in asked], adapters)
    answers: dict[int, Completion] = {}
    for stack, of_stack in ((adapters, True), ((), False)):
        numbers = [number for number, said in enumerate(spoken) if said is of_stack]
        if numbers:
            said = readings.complete_all(engine, [asked[number] for number in numbers], stack)
            answers |= zip(numbers, said, strict=True)
    return [answers[number] for number in range(len(asked))]


def _alone(messages: Sequence[Message]) -> list[Message]:
    """The persona and the user's last words."""
    system = [message for message in messages[:1] if message.role == "system"]
    last = [message for message in messages if message.role == "user"][-1:]
    return [*system, *last] or list(messages)
