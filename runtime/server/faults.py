"""Errors as HTTP answers, in the shape OpenAI's clients read.

Promise: a user is told one sentence, never a traceback; what a client can mend is a 4xx.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ...memory.errors import (
    BadInput,
    BadSchema,
    ContextOverflow,
    DiskFull,
    DormouseError,
    EngineClosed,
    HomeError,
    JournalBusy,
    UnknownAdapter,
    UnknownRecord,
)
from ..errors import AgentClosed, BadParameter
from .fair_queue import QueueFull
from .gate import error_body
from .turns import ClientGone

_BAD, _SERVER = "invalid_request_error", "server_error"
_RETRY = {"Retry-After": "1"}
_UNKNOWN = {"model": "model_not_found", "embedding model": "model_not_found"}  # as OpenAI's API says it
_PARAMS = {"model": "model", "embedding model": "model"}


class Fault(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class FaultBody(BaseModel):
    """The body of every answer that is an error."""

    error: Fault


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": FaultBody, "description": "The request cannot be used."},
    401: {"model": FaultBody, "description": "A token is needed."},
    404: {"model": FaultBody, "description": "There is no such thing in the user's scope."},
    413: {"model": FaultBody, "description": "The body is too large."},
    429: {"model": FaultBody, "description": "Too many requests."},
    503: {"model": FaultBody, "description": "Not now; try again."},
}


def fault_of(error: DormouseError | QueueFull) -> tuple[int, dict[str, Any], dict[str, str]]:
    """(status, body, headers) for an error."""
    if isinstance(error, QueueFull):
        status = 429 if error.own else 503
        return status, error_body(str(error), "rate_limit_error" if error.own else _SERVER), _RETRY
    if isinstance(error, UnknownRecord | UnknownAdapter):
        kind = getattr(error, "kind", "")
        return 404, error_body(str(error), _BAD, _UNKNOWN.get(kind, "not_found"), _PARAMS.get(kind)), {}
    if isinstance(error, ContextOverflow):
        return 400, error_body(str(error), _BAD, "context_length_exceeded"), {}
    if isinstance(error, BadInput | BadSchema):
        param = error.param if isinstance(error, BadParameter) else None
        return 400, error_body(str(error), _BAD, param=param), {}
    if isinstance(error, JournalBusy | AgentClosed | EngineClosed | DiskFull | HomeError):
        return 503, error_body(str(error), _SERVER), _RETRY
    return 500, error_body(str(error), _SERVER), {}


def install(app: FastAPI) -> None:
    """Answer errors so."""

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, DormouseError | QueueFull)
        status, body, headers = fault_of(error)
        return JSONResponse(body, status, headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        place, problem = _worst(error.errors(), error.body)
        sentence = f"{place or 'The request'}: {problem}."
        return JSONResponse(error_body(sentence, _BAD, param=place or None), 400)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse(error_body(f"{error.detail}.", _BAD), error.status_code, error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=499)  # nobody reads it

    for kind in (DormouseError, QueueFull):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(ClientGone, gone)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _worst(faults: Sequence[Mapping[str, Any]], body: Any) -> tuple[str, str]:
    """Where a request does not fit, and how: of all that is wrong with its first wrong parameter, what is
    deepest, and no matter of type. That is the kind of value its sender meant, where it may be of several.
    """
    if faults[0]["type"] == "json_invalid":
        return "", "its body is no JSON"
    found = [(_place(fault, body), fault) for fault in faults]
    first = found[0][0][:1]

    def near(each: tuple[list[str], Mapping[str, Any]]) -> tuple[int, bool]:
        place, fault = each
        return len(place), not fault["type"].endswith("_type")

    place, fault = max((each for each in found if each[0][:1] == first), key=near)
    return ".".join(place), fault["msg"]


def _place(fault: Mapping[str, Any], body: Any) -> list[str]:
    """The path to what is wrong, without the names of our own types that validation puts in it."""
    where, *path = fault["loc"]
    if where != "body":
        return [str(part) for part in path]
    place: list[str] = []
    for at, part in enumerate(path):
        if (isinstance(body, dict) and part in body) or (
            isinstance(body, list) and isinstance(part, int) and part < len(body)
        ):
            body = body[part]
        elif fault["type"] != "missing" or at < len(path) - 1:
            continue
        place.append(str(part))
    return place
