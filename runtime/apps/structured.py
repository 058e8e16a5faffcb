"""Structured output: a schema, a model held to it, and what it said as an object of that schema."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass

from ...memory.errors import BadInput
from .messages import function_of

if TYPE_CHECKING:
    from .chat_model import ChatDormouse

METHODS = ("json_schema", "function_calling", "json_mode")


def structured(
    model: ChatDormouse, schema: dict[str, Any] | type, *, include_raw: bool, method: str, **kwargs: Any
) -> Runnable[LanguageModelInput, Any]:
    """`model`, held to `schema`, and what it says parsed. Raises BadInput for an unknown method."""
    if method not in METHODS:
        raise BadInput(f"method must be one of {', '.join(METHODS)}, and it is {method!r}.")
    if kwargs:
        raise BadInput(f"with_structured_output takes no {', '.join(sorted(kwargs))}.")
    traced = {"kwargs": {"method": method}, "schema": convert_to_json_schema(schema)}
    is_class = isinstance(schema, type) and is_basemodel_subclass(schema)
    parser: Runnable[Any, Any]
    if method == "function_calling":
        name = function_of(schema).name
        bound = model.bind_tools([schema], tool_choice=name, ls_structured_output_format=traced)
        parser = (
            PydanticToolsParser(tools=[schema], first_tool_only=True)  # type: ignore[list-item]
            if is_class
            else JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
        )
    else:
        held = json.dumps(function_of(schema).parameters)
        bound = model.bind(json_schema=held, ls_structured_output_format=traced)
        said: BaseOutputParser[Any] = (
            PydanticOutputParser(pydantic_object=schema) if is_class else JsonOutputParser()  # type: ignore[arg-type]
        )
        parser = said
    if not include_raw:
        return bound | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=bound) | parsed.with_fallbacks([unparsed], exception_key="parsing_error")
