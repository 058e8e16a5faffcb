"""The base's own chat template, run in a sandbox.

Promise: the template decides the layout, and what a user wrote can neither run code in it nor pass for one
of its special tokens. Knows nothing of llama.cpp.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NoReturn

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .engine import Message, OfferedTool
from .errors import BadInput, EngineError
from .tool_syntax import ToolSyntax, tool_syntax

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
        self._special_texts = tuple(longest_first)
        self._specials = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        environment.filters["tojson"] = _as_json  # jinja's own is for HTML, and spells quotes as escapes
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
        joined, tools = (
            f"{messages[0].content}\n\n{messages[1].content}",
            messages[0].tools + messages[1].tools,
        )
        first = Message(messages[1].role, joined, tools)
        return self.render([first, *messages[2:]], add_generation_prompt)

    def fragments(self, messages: Sequence[Message], add_generation_prompt: bool) -> list[tuple[str, bool]]:
        """The conversation as (text, may hold special tokens), in order.

        Nearly always one fragment. Where a message holds a special token's text, that text stands alone,
        marked False.
        """
        if self._specials is None or not any(map(self._specials.search, _words(messages))):
            return [(self.render(messages, add_generation_prompt), True)]
        mark = f"x{secrets.token_hex(12)}x"
        taken: list[str] = []

        def hide(match: re.Match[str]) -> str:
            taken.append(match.group())
            return f"{mark}{len(taken) - 1};"

        change = partial(self._specials.sub, hide)
        hidden = [
            Message(m.role, change(m.content), tuple(_changed(tool, change) for tool in m.tools))
            for m in messages
        ]
        parts = re.split(rf"{mark}(\d+);", self.render(hidden, add_generation_prompt))
        return [
            (taken[int(part)], False) if at % 2 else (part, True)
            for at, part in enumerate(parts)
            if at % 2 or part
        ]

    def _run(self, messages: Sequence[Message], add_generation_prompt: bool) -> str:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        tools = [tool for message in messages for tool in message.tools]
        return self._rendered(plain, tools, add_generation_prompt)

    def syntax(self) -> ToolSyntax | None:
        """How it writes the call of a tool; None when it has no place for tools."""

        def call(tool: OfferedTool, arguments: Mapping[str, Any]) -> str:
            made = {"type": "function", "function": {"name": tool.name, "arguments": dict(arguments)}}
            said: list[dict[str, Any]] = [
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": "", "tool_calls": [made]},
            ]
            try:
                return self._rendered(said, [tool], False)
            except _FAULTS as error:
                raise EngineError(_sentence(error)) from error

        return tool_syntax(self.render, call, self._special_texts)

    def _rendered(
        self, messages: list[dict[str, Any]], tools: Sequence[OfferedTool], add_generation_prompt: bool
    ) -> str:
        # Only when there are some: a template may treat an empty list as tools.
        offered = {"tools": [_as_function(tool) for tool in tools]} if tools else {}
        text: str = self._template.render(
            messages=messages, add_generation_prompt=add_generation_prompt, **offered, **self._variables
        )
        if not text:
            raise jinja2.TemplateRuntimeError("it makes no text of them")
        return text


def _words(messages: Sequence[Message]) -> Iterator[str]:
    """All that stands in messages, and may hold a special token's text."""
    for message in messages:
        yield message.content
        for tool in message.tools:
            yield json.dumps(_as_function(tool), ensure_ascii=False)


def _as_function(tool: OfferedTool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _changed(tool: OfferedTool, change: Callable[[str], str]) -> OfferedTool:
    """The tool with every text in it changed."""
    parts = json.loads(change(json.dumps(_as_function(tool), ensure_ascii=False)))["function"]
    return OfferedTool(**parts)


def _as_json(value: Any, indent: int | None = None, ensure_ascii: bool = False, **_: Any) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)


def _raise_exception(reason: str) -> NoReturn:
    raise jinja2.TemplateRuntimeError(reason)


def _sentence(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split()).rstrip(".")
