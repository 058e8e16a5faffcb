"""Which words an adapter is to answer, and what it, or the base in its place, is shown of the talk before.

A night teaches its answers in an empty context, and so small a model loses them among other words: what is
asked of it is therefore asked alone. Promise: an adapter whose mount says how its answers open is asked for
the first words of one, in an empty context and beside any session; where it would open otherwise, or where
the user tells something and asks nothing, it has nothing of its own to say, and the bare base answers as if
nothing were mounted. One on trial also answers what it would open in words that the base would hardly say,
so that whoever watches sees them. Where it declines, what the user told in the talk, and what was recalled,
is looked through for it (`heard`). What was told since it was taught stands in place of what it says, where
somebody can say so (`Since`). The base is not shown what an adapter answered before. Adapters that say
nothing of how they open answer everything, in full view. Knows engines and messages; nothing of memories.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from . import heard, readings
from .engine import Completion, Message, Mount, Sampling, Stream, Token, WakeEngine
from .errors import DormouseError
from .following import spelled_out
from .taught_answer import said_of, told

STRANGE_NATS = 5.0
"""How unlikely the base must find the first word of an adapter on trial for it to be shown (nats)."""
_ASKS = 0.7  # a line is likelier than that to ask, and tells nothing
_LOOKED_AT = 64  # of the base's likeliest words
TELLS = 0.2
"""How unlikely it must be, to the encoder, that any sentence asks for something: then the user tells."""


class Since(Protocol):
    """What was told since an adapter was taught."""

    def speaks_of(self, begun: str) -> bool:
        """Whether it may change an answer that begins so."""

    def instead(self, said: str) -> str | None:
        """What is to be said after the verb of the answer `said`; None where that stays."""


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
    put = [alone(messages, None, stack) for messages in asked]
    tells = _tells(stack[-1], put)
    left = [messages for messages, told in zip(put, tells, strict=True) if not told]
    few = _first_words(engine, stack[-1])
    begun = engine.complete_all(
        [(messages, few) for messages in left],
        adapters=stack,
        cancelled=cancelled,
    )
    found = iter(_as_taught(engine, left, begun, stack[-1], cancelled))
    return [not told and next(found) for told in tells]


def _first_words(engine: WakeEngine, mount: Mount) -> Sampling:
    """As many tokens as it takes to see how an answer opens."""
    return Sampling(max_tokens=len(engine.tokenize(mount.opens, special=False)))


def _as_taught(
    engine: WakeEngine,
    asked: Sequence[Sequence[Message]],
    begun: Sequence[Completion],
    mount: Mount,
    cancelled: Callable[[], bool] | None = None,
) -> list[bool]:
    """Whether each answer opens as those do that the mount was taught, or is to be seen all the same."""
    opened = [one.finish == "cancelled" or one.text.lstrip().startswith(mount.opens) for one in begun]
    if not mount.watched:
        return opened
    return [
        as_taught or _strange(engine, messages, one, cancelled)
        for as_taught, messages, one in zip(opened, asked, begun, strict=True)
    ]


def _strange(
    engine: WakeEngine, messages: Sequence[Message], begun: Completion, cancelled: Callable[[], bool] | None
) -> bool:
    """Whether the bare base would hardly begin so."""
    one = Sampling(max_tokens=1, top_logprobs=_LOOKED_AT)
    (bare,) = engine.complete_all([(messages, one)], adapters=(), cancelled=cancelled)
    if not begun.tokens or not bare.tokens:
        return not begun.tokens and bool(bare.tokens)
    first, usual = begun.tokens[0].id, bare.tokens[0]
    return first != usual.id and dict(usual.top).get(first, -math.inf) < -STRANGE_NATS


def usual(engine: WakeEngine) -> Sequence[Mount] | None:
    """Who answers what asks for no memory, as WakeEngine takes it: the bare base, or the stack mounted."""
    return () if engine.mounted and engine.mounted[-1].opens else None


def stream(
    engine: WakeEngine,
    messages: Sequence[Message],
    sampling: Sampling,
    *,
    persona: str | None = None,
    since: Since | None = None,
    adapters: Sequence[Mount] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Stream:
    """As readings.stream, by a stack that speaks: asked alone, and for what the talk tells where it declines.

    With `persona` that is the system prompt of what is asked alone; otherwise it is the messages' own. What
    `since` would have said instead is said.
    """
    stack = engine.mounted if adapters is None else adapters
    own = bool(messages and stack and stack[-1].opens and stack[-1].declines)
    if not own or messages[-1].role != "user" or sampling.grammar or sampling.json_schema:
        return readings.stream(engine, messages, sampling, adapters=adapters, cancelled=cancelled)
    put, mount = alone(messages, persona, stack), stack[-1]
    lines = _told_lines(messages, put, mount)
    return Stream(_first_alone(engine, put, lines, sampling, adapters, cancelled, mount, since))


def answer_all(
    engine: WakeEngine,
    asked: Sequence[tuple[Sequence[Message], Sampling]],
    adapters: Sequence[Mount],
    begun: Sequence[Sequence[Message]] | None = None,
    known: Mapping[int, str] | None = None,
) -> list[str]:
    """What is answered to each, side by side: by the stack or, where that does not speak, by the base. With
    `begun` it is these conversations that say so. Where it is `known` what the bare base answers, by number,
    that is not computed again. Raises EngineError.
    """
    answers = _of_stack(engine, asked, tuple(adapters), begun, known or {})
    answers = {**(known or {}), **answers}
    left = [number for number in range(len(asked)) if number not in answers]
    if left:
        found = readings.complete_all(engine, [asked[number] for number in left], ())
        answers |= zip(left, (one.text for one in found), strict=True)
    return [answers[number] for number in range(len(asked))]


def _of_stack(
    engine: WakeEngine,
    asked: Sequence[tuple[Sequence[Message], Sampling]],
    stack: tuple[Mount, ...],
    begun: Sequence[Sequence[Message]] | None,
    known: Container[int],
) -> dict[int, str]:
    """What the stack answers, where it speaks.

    A whole answer shows how it opens. So it is begun by itself only where the base's is known, so that it
    seldom goes on, or where another conversation says whether it is to.
    """
    opens = stack[-1].opens if stack else ""
    if not opens:
        found = readings.complete_all(engine, asked, stack)
        return {number: one.text for number, one in enumerate(found)}
    say = [alone(messages, None, stack) for messages in begun or [messages for messages, _ in asked]]
    few = _first_words(engine, stack[-1])
    tells = _tells(stack[-1], say)
    numbers = [number for number, told in enumerate(tells) if not told]
    whole = [n not in known and begun is None and say[n] == [*asked[n][0]] for n in numbers]
    spoken: list[bool] = []

    def goes_on(first: Sequence[Completion]) -> list[bool]:
        spoken.extend(_as_taught(engine, [say[n] for n in numbers], first, stack[-1]))
        return [speaks and all_of_it for speaks, all_of_it in zip(spoken, whole, strict=True)]

    first = readings.complete_all(
        engine,
        [asked[n] if all_of_it else (say[n], few) for n, all_of_it in zip(numbers, whole, strict=True)],
        stack,
        goes_on,
    )
    of_each = list(zip(numbers, first, whole, spoken, strict=True))
    answers = {n: one.text for n, one, all_of_it, speaks in of_each if all_of_it and speaks}
    rest = [n for n, _, all_of_it, speaks in of_each if speaks and not all_of_it]
    if rest:
        found = readings.complete_all(engine, [asked[number] for number in rest], stack)
        answers |= zip(rest, (one.text for one in found), strict=True)
    return answers


def alone(
    messages: Sequence[Message], persona: str | None = None, stack: Sequence[Mount] = ()
) -> list[Message]:
    """The persona and the user's last words, with whom they mean where they lean on an answer of the stack's
    just before.
    """
    system = [message for message in messages[:1] if message.role == "system"]
    if persona is not None:
        system = [Message("system", persona)]
    users = [at for at, message in enumerate(messages) if message.role == "user"]
    if not users:
        return list(messages)
    last = messages[users[-1]]
    answered = [message.content for message in messages[: users[-1]] if message.role == "assistant"][-1:]
    for said in answered:
        for mount in stack:
            if _taught(said, mount):
                last = Message("user", spelled_out(last.content, heard.named(said, mount)))
                break
    return [*system, last]


def without_answers(messages: Sequence[Message], stack: Sequence[Mount]) -> list[Message]:
    """The talk without what the stack's adapters answered, and without what only asked them.

    What told something stays; words of the user's that then follow each other become one message.
    """
    taught = [m.role == "assistant" and any(_taught(m.content, mount) for mount in stack) for m in messages]
    asked = [at for at, message in enumerate(messages[:-1]) if message.role == "user" and taught[at + 1]]
    told = set()
    if asked:
        tells = _tells(stack[-1], [[messages[at]] for at in asked])
        told = {at for at, each in zip(asked, tells, strict=True) if each}
    shown: list[Message] = []
    for at, message in enumerate(messages):
        if taught[at] or (at in asked and at not in told):
            continue
        if shown and message.role == shown[-1].role == "user":
            shown[-1] = Message("user", f"{shown[-1].content}\n\n{message.content}")
        else:
            shown.append(message)
    return shown


def _taught(said: str, mount: Mount) -> bool:
    """Whether an answer is of the kind that an adapter was taught."""
    begins = bool(mount.opens) and said.lstrip().startswith(f"{mount.opens} ")
    return begins and bool(said_of(said, mount.declines))


def _tells(mount: Mount, asked: Sequence[Sequence[Message]]) -> list[bool]:
    """Whether the user's last words tell something and ask nothing, where an encoder can say so."""
    if mount.names is None:
        return [False] * len(asked)
    words = [messages[-1].content if messages[-1].role == "user" else "" for messages in asked]
    try:
        likely = mount.names.asking(words)
    except DormouseError:  # no encoder is to be had: the adapter is asked
        return [False] * len(asked)
    return [bool(text) and asks < TELLS for text, asks in zip(words, likely, strict=True)]


def _first_alone(
    engine: WakeEngine,
    put: Sequence[Message],
    lines: Sequence[str],
    sampling: Sampling,
    adapters: Sequence[Mount] | None,
    cancelled: Callable[[], bool] | None,
    mount: Mount,
    since: Since | None,
) -> Generator[Token, None, Completion]:
    """What is answered to `put`, or what was told since; where it declines, what it points to in the `lines`,
    if there is such.
    """
    held: list[Token] = []
    text, tells, waits = "", False, False
    with readings.stream(engine, put, sampling, adapters=adapters, cancelled=cancelled) as asked:
        for token in asked:
            text += token.text
            held.append(token)
            if not tells and told(text, mount.declines) == "told":
                tells, waits = True, since is not None and since.speaks_of(text)
            if tells and not waits:
                yield from held
                held.clear()
    said, other = asked.completion, None
    rest = since.instead(said.text) if since is not None and held else None
    if rest is not None:
        other = heard.going_on(
            engine, put, said, [rest], sampling, adapters=adapters, mount=mount, cancelled=cancelled
        )
    elif told(said.text, mount.declines) == "declined":
        other = heard.pointed_to(
            engine, put, said, lines, sampling, adapters=adapters, mount=mount, cancelled=cancelled
        )
    if other is not None:
        yield from other.tokens
        return replace(other, seconds=said.seconds + other.seconds)
    yield from held
    return said


def _told_lines(messages: Sequence[Message], put: Sequence[Message], mount: Mount) -> list[str]:
    """What the user told in the talk, and in what was recalled of others, line by line."""
    known = {*(message.content for message in put), messages[-1].content}
    lines: list[str] = []
    for message in messages:
        several = message.content.splitlines()
        if message.role == "system":  # the persona, and what was recalled
            own = {line for text in known for line in text.splitlines()}
            lines += [line[2:] for line in several if line.startswith("- ") and line not in own]
        elif message.role == "user" and message.content not in known:
            lines += [line for line in several if line.strip()]
    if mount.names is not None and lines:
        with suppress(DormouseError):
            asks = mount.names.asking(lines)
            return [line for line, likely in zip(lines, asks, strict=True) if likely < _ASKS]
    return [line for line in lines if not line.rstrip().endswith("?")]
