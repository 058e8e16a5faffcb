"""Errors as HTTP answers, in the shape OpenAI's clients read.

Promise: a user is told one sentence, never a traceback; what a client can mend is a 4xx.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ...memory.errors import (
    BadInput,
    ContextOverflow,
    DiskFull,
    DormouseError,
    EngineClosed,
    HomeError,
    JournalBusy,
    UnknownAdapter,
    UnknownRecord,
)
from ..errors import AgentClosed
from .fair_queue import QueueFull
from .gate import error_body
from .turns import ClientGone

_BAD, _SERVER = "invalid_request_error", "server_error"
_RETRY = {"Retry-After": "1"}


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
        return 404, error_body(str(error), _BAD, "not_found"), {}
    if isinstance(error, ContextOverflow):
        return 400, error_body(str(error), _BAD, "context_length_exceeded"), {}
    if isinstance(error, BadInput):
        return 400, error_body(str(error), _BAD), {}
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
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        sentence = f"{place or 'The request'}: {first['msg']}."
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
