"""How else a question may be read: what an adapter answers when it was unsure what it was asked for.

A night teaches answers that name what is asked for before they say it or decline ("Your bike's name is ...").
So the likelihood of the name's tokens says how sure the reading is. Where a reading declines, and others are
likely enough, these are tried too, and what they say counts by how likely they are. Where what is said of the
name is unsure, the name is asked for in plain words, and both answers count. What is declined all the same is
asked for by the name that an encoder reads (`naming`), where that is sure. A question that asks in so many
words for what was never taught means nothing else. Only weights are asked.
Promise: an answer that was certain is the one the engine gives; as many of its tokens as nothing else could
change come as soon as they are computed. Knows engines, messages and names; nothing of memories.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from .engine import Completion, Message, Mount, Sampling, Stream, Token, WakeEngine
from .errors import DormouseError
from .naming import Meant
from .taught_answer import owner_of, parts, said_of, told, words_hold

_EVEN = 0.5  # declining is given from this mean likelihood on
LEAST = 0.06
"""How likely readings that say the same must be, together with what they say, to count against declining."""
SURE = 0.9
"""How likely what is said of a name must be for the name not to be asked for in plain words too."""
MEANT = 0.4
"""How likely a question must ask for a name, to the encoder, for that name to be asked for in plain words
where the adapter named something else with a likelihood under CERTAIN, and declined that."""
CERTAIN = 0.95
INSTEAD = 0.5
"""How likely it must be for that name to be asked for where the adapter told something of another one, which
is itself less likely than MAYBE."""
MAYBE = 0.1
STRANGE = 0.03
"""How unlikely every name must be for what is told to be declined after all."""
_MOST = 6  # other readings that are tried, the likeliest first
_NAME_TOKENS = 24  # what goes on for longer is no name
_SAID_TOKENS = 32  # what goes on for longer was not taught, and is not asked for again
_TOP = 8  # alternatives looked at for each token

_T = TypeVar("_T")


def stream(
    engine: WakeEngine,
    messages: Sequence[Message],
    sampling: Sampling,
    *,
    adapters: Sequence[Mount] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Stream:
    """As WakeEngine.stream, with another reading's answer where the likeliest declines and was unsure."""
    mount = _top(engine, adapters)
    if mount is None or not _readable(sampling):
        return engine.stream(messages, sampling, adapters=adapters, cancelled=cancelled)
    meant = _meant(mount, [messages])[0]
    asking = _Asking(engine, messages, _with_tops(sampling), adapters, cancelled, mount, meant)
    return Stream(_read(asking, sampling.top_logprobs))


def complete_all(
    engine: WakeEngine,
    asked: Sequence[tuple[Sequence[Message], Sampling]],
    adapters: Sequence[Mount] | None = None,
    goes_on: Callable[[Sequence[Completion]], Sequence[bool]] | None = None,
) -> list[Completion]:
    """As WakeEngine.complete_all, each as `stream` would answer it. `goes_on` is shown the likeliest answers
    and says which of them are read again; the others stay as they are.
    """
    mount = _top(engine, adapters)
    readable = [mount is not None and _readable(sampling) for _, sampling in asked]
    given = [
        (messages, _with_tops(sampling) if may else sampling)
        for (messages, sampling), may in zip(asked, readable, strict=True)
    ]
    answers = engine.complete_all(given, adapters=adapters)
    chosen = goes_on(answers) if goes_on is not None else [True] * len(asked)
    again = [number for number, may in enumerate(readable) if may and chosen[number]]
    if mount is not None:
        meant = _meant(mount, [given[number][0] for number in again])
        unsure = {
            number: _Asking(engine, *given[number], adapters, None, mount, name).best(answers[number])
            for number, name in zip(again, meant, strict=True)
        }
        answers = [*answers]
        for number, answer in _together(engine, adapters, unsure).items():
            answers[number] = answer
    return [
        _as_asked(answer, sampling.top_logprobs) if may else answer
        for answer, (_, sampling), may in zip(answers, asked, readable, strict=True)
    ]


def _top(engine: WakeEngine, adapters: Sequence[Mount] | None) -> Mount | None:
    """What is mounted last, where it says how it declines."""
    stack = engine.mounted if adapters is None else adapters
    return stack[-1] if stack and stack[-1].declines else None


def _meant(mount: Mount, asked: Sequence[Sequence[Message]]) -> list[Meant | None]:
    """What an encoder takes the user's last words to ask for in each conversation; None where somebody else
    had the last word, the adapter was taught no names, or there is no encoder.
    """
    heard = [bool(messages) and messages[-1].role == "user" for messages in asked]
    if mount.names is None or not (mount.asks and mount.opens) or not any(heard):
        return [None] * len(asked)
    words = [messages[-1].content for messages, spoke in zip(asked, heard, strict=True) if spoke]
    try:
        found = iter(mount.names.asked_for(words))
    except DormouseError:  # no encoder is to be had: the adapter answers as it reads by itself
        return [None] * len(asked)
    return [next(found) if spoke else None for spoke in heard]


def _readable(sampling: Sampling) -> bool:
    """Whether the likeliest answer in plain words is asked for."""
    return not (sampling.temperature or sampling.grammar or sampling.json_schema)


def _with_tops(sampling: Sampling) -> Sampling:
    return replace(sampling, top_logprobs=max(sampling.top_logprobs, _TOP))


def _as_asked(said: Completion, top: int) -> Completion:
    """With as many alternatives as were asked for."""
    return replace(said, tokens=tuple(_shown(token, top) for token in said.tokens))


def _shown(token: Token, top: int) -> Token:
    return token if len(token.top) <= top else replace(token, top=token.top[:top])


@dataclass(frozen=True, slots=True)
class _Turning:
    """A token that the name could have had instead: after `at` tokens, `logprob` with all before it."""

    at: int
    token: Token
    logprob: float


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the weights are to be asked, too: an answer to `messages` that begins with `prefill`."""

    messages: Sequence[Message]
    sampling: Sampling
    prefill: str = ""


_Reading = Generator[list[_Wanted], list[Completion], _T]
"""Yields what it wants answered, is sent the answers, and returns what it makes of them."""
_Step = list[_Wanted] | Completion


def _go_on(reading: _Reading[Completion], answers: list[Completion] | None = None) -> _Step:
    """What a reading wants, once it has these answers, or what comes of it."""
    try:
        return next(reading) if answers is None else reading.send(answers)
    except StopIteration as end:
        said: Completion = end.value
        return said


def _alone(asking: _Asking, reading: _Reading[Completion]) -> Completion:
    """What comes of a reading whose questions are asked one after another."""
    step = _go_on(reading)
    while isinstance(step, list):
        answers = [
            asking.engine.complete(
                each.messages,
                each.sampling,
                adapters=asking.adapters,
                prefill=each.prefill,
                cancelled=asking.cancelled,
            )
            for each in step
        ]
        step = _go_on(reading, answers)
    return step


def _together(
    engine: WakeEngine, adapters: Sequence[Mount] | None, readings: Mapping[int, _Reading[Completion]]
) -> dict[int, Completion]:
    """What comes of each reading, their questions asked side by side, as many times as it takes."""
    steps = {number: _go_on(reading) for number, reading in readings.items()}
    while wanted := {number: step for number, step in steps.items() if isinstance(step, list)}:
        every = [each for of_one in wanted.values() for each in of_one]
        answers = iter(
            engine.complete_all(
                [(each.messages, each.sampling) for each in every],
                adapters=adapters,
                prefills=[each.prefill for each in every],
            )
        )
        for number, of_one in wanted.items():
            steps[number] = _go_on(readings[number], [next(answers) for _ in of_one])
    return {number: step for number, step in steps.items() if not isinstance(step, list)}


@dataclass(frozen=True, slots=True)
class _Asking:
    """One question, and how it is answered."""

    engine: WakeEngine
    messages: Sequence[Message]
    sampling: Sampling
    adapters: Sequence[Mount] | None
    cancelled: Callable[[], bool] | None
    mount: Mount
    meant: Meant | None

    @property
    def declines(self) -> tuple[str, ...]:
        return self.mount.declines

    def best(self, said: Completion, since: int = 0) -> _Reading[Completion]:
        """What to answer where `said` is the likeliest reading's answer; its first `since` tokens stay."""
        if said.finish == "cancelled":
            return said
        state = told(said.text, self.declines)
        if self._asks_for_what_was_not_taught(said):
            return said if state == "declined" else (yield from self._declined(said, since)) or said
        if state == "declined":
            other = yield from self._otherwise(said, since)
            if other is not None:
                return other
        plainly = yield from self._plainly(said, since)
        return (yield from self._as_meant(said, plainly, since))

    def _as_meant(self, first: Completion, said: Completion, since: int) -> _Reading[Completion]:
        """What to answer once an encoder has read the question: `said`, or what is said of the name that it
        takes to be meant, or that it is not known.

        `first` is the likeliest reading's answer. What may lean on an earlier turn the encoder cannot judge:
        then it may only stand in for what was declined.
        """
        if self.meant is None or not (name := self._name_in(said)):
            return said
        likely, alone = self.meant.likely, not any(m.role == "assistant" for m in self.messages)
        state = told(said.text, self.declines)
        unsure = state == "declined" and likely >= MEANT and self._named_so(first) < CERTAIN
        unlike = state == "told" and alone and self.meant.others.get(name, 0.0) < MAYBE
        other = None
        if unsure or (unlike and likely >= INSTEAD):
            other = yield from self._of_the_meant(said, since)
        elif state == "told" and alone and likely < STRANGE and not self._was_heard(said):
            other = yield from self._declined(said, since)
        return other or said

    def _asks_for_what_was_not_taught(self, said: Completion) -> bool:
        """Whether the question asks in so many words for what the answer names ("my camera's price"), and
        nothing that was taught goes by that or could mean it: then no other name is meant.

        Whether other words could mean it is known of kinds alone: what is told of one is not believed. Of any
        name it is believed where that is declined, and is of somebody or something of the user's; not where
        the encoder is sure of another one of the same ("my dog's race" for the breed).
        """
        names, meant = self.mount.names, self.meant
        if names is None or meant is None or not (name := self._name_in(said)) or names.goes_by(name):
            return False
        if not words_hold(self.messages[-1].content, f"my {name}"):
            return False
        if told(said.text, self.declines) == "told":
            return names.is_kind(name)
        same = any(owner_of(name) == owner_of(each) for each in meant.names)
        return bool(owner_of(name)) and not (same and meant.likely >= SURE)

    def elsewhere(self, text: str) -> bool:
        """Whether an answer that begins so may give way to what is said of the name that is meant."""
        if self.meant is None or self.meant.likely < MEANT:
            return False
        begun = [f"{self.mount.opens} {name} " for name in self.meant.names]
        return not any(each.startswith(text) or text.startswith(each) for each in begun)

    def _name_in(self, said: Completion) -> str:
        """What an answer names; "" where it opens otherwise than all those that were taught."""
        name, rest = parts(said.text, self.declines)
        opens, _, name = name.strip().partition(" ")
        return name if rest and opens == self.mount.opens else ""

    def _named_so(self, said: Completion) -> float:
        """How likely the name was that an answer gave."""
        at = self._named(said.tokens) or 0
        return math.exp(sum(token.logprob for token in said.tokens[:at]))

    def _of_the_meant(self, said: Completion, since: int) -> _Reading[Completion | None]:
        """What is said of the name that is meant, asked for in plain words; None where that declines,
        opens otherwise than was taught, or begins otherwise than the tokens that stay.
        """
        if self.meant is None or (self.cancelled is not None and self.cancelled()):
            return None
        asked = Message("user", self.mount.asks.format(self.meant.names[0]))
        (other,) = yield [_Wanted([*self.messages[:-1], asked], self.sampling)]
        stays = [token.text for token in said.tokens[:since]] == [
            token.text for token in other.tokens[:since]
        ]
        if other.finish == "cancelled" or told(other.text, self.declines) != "told":
            return None
        if not stays or not self._name_in(other):
            return None
        return replace(other, seconds=said.seconds + other.seconds)

    def _was_heard(self, said: Completion) -> bool:
        """Whether what an answer tells stands in what the engine was shown."""
        what = said_of(said.text, self.declines).strip(" .").casefold()
        return any(what in message.content.casefold() for message in self.messages)

    def _declined(self, said: Completion, since: int) -> _Reading[Completion | None]:
        """The same name, declined; None where that is none of the likely ways to go on."""
        at = self._named(said.tokens)
        if at is None or since > at:
            return None
        for id, logprob in said.tokens[at].top:
            piece = self.engine.piece(id).decode("utf-8", "ignore")
            if self._begins_to_decline(piece):
                begun = (*said.tokens[:at], Token(id, piece, logprob, said.tokens[at].top))
                (other,) = yield from self._gone_on(said, [begun], self.messages)
                return other if other and told(other.text, self.declines) == "declined" else None
        return None

    def _begins_to_decline(self, piece: str) -> bool:
        """Whether an answer that goes on so after its verb may be declining."""
        ways = [each.partition(" ")[2] for each in self.declines]
        word = piece.strip()
        return bool(word) and any(way.startswith(word) or word.startswith(way) for way in ways)

    def _otherwise(self, said: Completion, since: int) -> _Reading[Completion | None]:
        """What other readings of the question say, where that is likely enough against declining."""
        found: dict[str, float] = defaultdict(float)
        answers: dict[str, Completion] = {}
        turnings = sorted(self._turnings(said.tokens, since), key=lambda each: -each.logprob)
        begins = [(*said.tokens[: each.at], each.token) for each in turnings[:_MOST]]
        for other in (yield from self._gone_on(said, begins, self.messages, self.declines)):
            if other and told(other.text, self.declines) == "told":  # it neither declines nor names nothing
                _, what = parts(other.text.casefold(), self.declines)
                found[what] += math.exp(sum(token.logprob for token in other.tokens))
                answers.setdefault(what, other)
        likeliest = max(found, key=lambda what: found[what], default="")
        return answers[likeliest] if found[likeliest] >= LEAST else None

    def _plainly(self, said: Completion, since: int) -> _Reading[Completion]:
        """What to answer once an unsure answer's name has been asked for in plain words as well.

        Where one of the two declines, it is given if declining is likelier than not over both; where neither
        does, the likelier one is.
        """
        at = self._named(said.tokens)
        if at is None or since > at or len(said.tokens) > at + _SAID_TOKENS:
            return said
        if not self.mount.asks or self.messages[-1].role != "user" or _likelihood(said, at) >= SURE:
            return said
        other = yield from self._asked_plainly(said, at)
        if other is None:
            return said
        both = (said, other)
        declining = [told(each.text, self.declines) == "declined" for each in both]
        if declining[0] != declining[1]:
            likely = sum(self._declining(each.tokens[at]) for each in both) / len(both) >= _EVEN
            return both[declining.index(likely)]
        return max(both, key=lambda each: _likelihood(each, at))

    def _named(self, tokens: Sequence[Token]) -> int | None:
        """How many tokens it takes to name what the answer is about, the verb among them; None if they are
        all.
        """
        text = ""
        for count, token in enumerate(tokens[:-1], 1):
            text += token.text
            if parts(text, self.declines)[1]:
                return count
        return None

    def _asked_plainly(self, said: Completion, at: int) -> _Reading[Completion | None]:
        """What is said of the same name when it is asked for in plain words."""
        name = parts("".join(token.text for token in said.tokens[:at]), self.declines)[0]
        asked = Message("user", self.mount.asks.format(name.strip().partition(" ")[2]))
        (other,) = yield from self._gone_on(said, [said.tokens[:at]], [*self.messages[:-1], asked])
        return other if other and len(other.tokens) > at else None

    def _declining(self, token: Token) -> float:
        """How likely it was to decline where this token was said, the first after the verb."""
        likely = 0.0
        for id, logprob in token.top:
            if self._begins_to_decline(self.engine.piece(id).decode("utf-8", "ignore")):
                likely += math.exp(logprob)
        return likely

    def _turnings(self, tokens: Sequence[Token], since: int) -> Iterator[_Turning]:
        """Where the name in `tokens` might have gone on otherwise."""
        text, so_far = "", 0.0
        for at, token in enumerate(tokens[:_NAME_TOKENS]):
            if at >= since and self.names(text):
                yield from self.instead(at, token, so_far)
            text += token.text
            so_far += token.logprob

    def names(self, text: str) -> bool:
        """Whether an answer that begins so goes on with a name."""
        return bool(text) and not parts(text, self.declines)[1]

    def instead(self, at: int, token: Token, so_far: float) -> Iterator[_Turning]:
        """The other tokens likely enough there; those before them have the log-probability `so_far`."""
        for id, logprob in token.top:
            if id != token.id and so_far + logprob >= math.log(LEAST):
                piece = self.engine.piece(id).decode("utf-8", "ignore")
                if piece:
                    yield _Turning(at, Token(id, piece, logprob, token.top), so_far + logprob)

    def _gone_on(
        self,
        said: Completion,
        begins: Sequence[tuple[Token, ...]],
        messages: Sequence[Message],
        stop: Sequence[str] = (),
    ) -> _Reading[list[Completion | None]]:
        """The answers to `messages` that begin so, in place of `said`; None where one is not to be had."""
        if self.cancelled is not None and self.cancelled():
            return [None for _ in begins]
        wanted: dict[int, _Wanted] = {}
        for number, begun in enumerate(begins):
            if (left := self.sampling.max_tokens - len(begun)) > 0:
                sampling = replace(self.sampling, max_tokens=left, stop=(*self.sampling.stop, *stop))
                wanted[number] = _Wanted(messages, sampling, "".join(token.text for token in begun))
        rests = (yield list(wanted.values())) if wanted else []
        found: list[Completion | None] = [None for _ in begins]
        for (number, each), rest in zip(wanted.items(), rests, strict=True):
            if rest.finish != "cancelled":
                found[number] = replace(
                    said,
                    text=each.prefill + rest.text,
                    tokens=(*begins[number], *rest.tokens),
                    finish=rest.finish,
                    seconds=said.seconds + rest.seconds,
                )
        return found


def _likelihood(said: Completion, at: int) -> float:
    """How likely all was that is said after the first `at` tokens."""
    return math.exp(sum(token.logprob for token in said.tokens[at:]))


def _read(asking: _Asking, top: int) -> Generator[Token, None, Completion]:
    """Passes on what is certain, and holds back what another reading might change."""
    said = asking.engine.stream(
        asking.messages, asking.sampling, adapters=asking.adapters, cancelled=asking.cancelled
    )
    tokens: list[Token] = []
    text, so_far, passed_on, naming, holding = "", 0.0, 0, True, False
    after = 0  # tokens after the name and its verb
    with said:
        for token in said:
            after += after > 0 or bool(asking.mount.asks and parts(text, asking.declines)[1])
            if naming:
                holding = holding or (asking.names(text) and any(asking.instead(len(tokens), token, so_far)))
                so_far += token.logprob
            text += token.text
            holding = holding or asking.elsewhere(text)
            naming = naming and len(tokens) + 1 < _NAME_TOKENS and told(text, asking.declines) != "told"
            tokens.append(token)
            if not (naming and holding) and not 0 < after <= _SAID_TOKENS:
                yield from (_shown(each, top) for each in tokens[passed_on:])
                passed_on = len(tokens)
    answer = _as_asked(_alone(asking, asking.best(said.completion, passed_on)), top)
    yield from answer.tokens[passed_on:]
    return answer
