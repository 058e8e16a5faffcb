"""The base's own chat template, run in a sandbox.

Promise: the template decides the layout, and what a user wrote can neither run code in it nor pass for one
of its special tokens. Knows nothing of llama.cpp.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .engine import Message
from .errors import BadInput, EngineError

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# Templates that print today's date would make one conversation into other tokens every day: a night would
# train a prompt that is never served again. They get the date they use themselves when the caller knows
# none.
_FIXED_DATE = datetime(2024, 7, 26)
# What running a template may raise: it is a program, written by whoever made the GGUF.
_FAULTS = (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError)


class ChatTemplate:
    """A jinja chat template, as GGUF carries it in `tokenizer.chat_template`.

    `specials` are the texts of the vocabulary's control tokens. EngineError if the template cannot be
    parsed.
    """

    def __init__(self, source: str, *, bos: str, eos: str, specials: Sequence[str]) -> None:
        self._variables: dict[str, Any] = {"bos_token": bos, "eos_token": eos, "enable_thinking": False}
        longest_first = sorted({text for text in specials if text}, key=len, reverse=True)
        self._specials = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = _FIXED_DATE.strftime
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise EngineError(f"the model's chat template cannot be parsed: {_sentence(error)}") from error

    def render(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        """The conversation as text. BadInput when it is empty, EngineError when the template refuses it."""
        if not messages:
            raise BadInput("A conversation needs at least one message, and none was given.")
        try:
            return self._run(messages, add_generation_prompt)
        except _FAULTS as error:
            if len(messages) < 2 or messages[0].role != "system":
                raise EngineError(
                    f"the model's chat template refuses these messages: {_sentence(error)}"
                ) from error
        # Some templates know no system role (gemma 2, early mistral): the user's first message then carries
        # it.
        first = Message(messages[1].role, f"{messages[0].content}\n\n{messages[1].content}")
        return self.render([first, *messages[2:]], add_generation_prompt)

    def fragments(self, messages: Sequence[Message], add_generation_prompt: bool) -> list[tuple[str, bool]]:
        """The conversation as (text, may hold special tokens), in order.

        Nearly always one fragment. Where a message holds a special token's text, that text stands alone,
        marked False.
        """
        if self._specials is None or not any(self._specials.search(message.content) for message in messages):
            return [(self.render(messages, add_generation_prompt), True)]
        mark = f"x{secrets.token_hex(12)}x"
        taken: list[str] = []

        def hide(match: re.Match[str]) -> str:
            taken.append(match.group())
            return f"{mark}{len(taken) - 1};"

        hidden = [Message(m.role, self._specials.sub(hide, m.content)) for m in messages]
        parts = re.split(rf"{mark}(\d+);", self.render(hidden, add_generation_prompt))
        return [
            (taken[int(part)], False) if at % 2 else (part, True)
            for at, part in enumerate(parts)
            if at % 2 or part
        ]

    def _run(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        text = self._template.render(
            messages=plain, add_generation_prompt=add_generation_prompt, **self._variables
        )
        if not text:
            raise jinja2.TemplateRuntimeError("it makes no text of them")
        return text


def _raise_exception(reason: str) -> NoReturn:
    raise jinja2.TemplateRuntimeError(reason)


def _sentence(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")
