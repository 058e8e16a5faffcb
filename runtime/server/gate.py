"""The gate every request passes: who it is, how much they may ask, how large a body may be.

Promise: nothing of a request's body is read before its sender is known and within their rate, and never more
of it than is allowed. Without tokens only this machine's own programs are let in, by its own names. Pure
ASGI.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from opentelemetry.trace import SpanKind, Tracer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import TokensDamaged
from ..scopes import OWNER
from .metrics import Metrics
from .settings import ServeSettings
from .tokens import Tokens
from .traces import parent

_OPEN_PATHS = ("/healthz",)
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PORT = re.compile(r":\d+$")
FAULT = "This is a fault in Dormouse; its log says more."
_log = logging.getLogger("dormouse.server")


class Refused(Exception):
    """A request that is not let through; the sentence is told to whoever sent it."""

    def __init__(
        self, status: int, sentence: str, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.kind, self.headers = status, kind, dict(headers or {})
        super().__init__(sentence)


class Rates:
    """A bucket for each user that fills evenly, `per_minute` in a minute and at most."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, user: str) -> None:
        """Take one. Refused when there is none left."""
        now = self._clock()
        left, at = self._buckets.get(user, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - at) * self._per_minute / 60)
        if left < 1:
            wait = math.ceil((1 - left) * 60 / self._per_minute)
            raise Refused(
                429,
                f"{self._per_minute} requests a minute are allowed; the next one in {wait} s.",
                "rate_limit_error",
                {"Retry-After": str(wait)},
            )
        self._buckets[user] = (left - 1, now)


class Gate:
    """Wraps `app`; a request that passes has its user in `scope["state"]["user"]`."""

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens,
        settings: ServeSettings,
        metrics: Metrics,
        tracer: Tracer,
        demands_tokens: bool,
    ) -> None:
        self._app, self._tokens, self._settings = app, tokens, settings
        self._demands = demands_tokens
        self._metrics, self._tracer = metrics, tracer
        self._rates = Rates(settings.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status: list[int] = []

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])
            await send(message)

        headers = Headers(scope=scope)
        with self._tracer.start_as_current_span(
            f"{scope['method']}", context=parent(dict(headers)), kind=SpanKind.SERVER
        ) as span:
            try:
                await self._let_in(scope, headers, receive, noted)
            except Refused as refused:
                if not status:
                    await refuse(refused, noted)
            except Exception:  # noqa: BLE001 (the last stop: the log gets the traceback, the client a sentence)
                _log.exception("a request could not be answered")
                if not status:
                    await refuse(Refused(500, FAULT, "server_error"), noted)
            route = getattr(scope.get("route"), "path", "none")
            code = status[0] if status else 499
            span.update_name(f"{scope['method']} {route}")
            span.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "http.route": route,
                    "http.response.status_code": code,
                }
            )
            self._metrics.requests.labels(scope["method"], route, str(code)).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - began)

    async def _let_in(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        if scope["path"] not in _OPEN_PATHS:
            user = self._user(headers)
            self._rates.take(user)
            scope.setdefault("state", {})["user"] = user
        limited = await self._limited(headers, receive)
        await self._app(scope, limited, send)

    def _user(self, headers: Headers) -> str:
        try:
            known = self._tokens.all()
        except TokensDamaged as error:
            raise Refused(503, str(error), "server_error") from error
        self._demands = self._demands or bool(known)  # and goes on to, when the last one is revoked
        if not self._demands:
            _from_here(headers)
            return OWNER
        kind, _, secret = headers.get("authorization", "").partition(" ")
        user = self._tokens.user_of(secret.strip()) if kind.lower() == "bearer" else None
        if user is None:
            raise Refused(
                401,
                "A token is needed (Authorization: Bearer ...); `dormouse token add USER` makes one.",
                "authentication_error",
                {"WWW-Authenticate": "Bearer"},
            )
        return user

    async def _limited(self, headers: Headers, receive: Receive) -> Receive:
        """The body, read whole before the app sees any of it. Refused when it is too large or too slow."""
        most = self._settings.max_body_bytes
        too_large = Refused(
            413, f"A request's body may have {most} bytes, and this one has more.", "invalid_request_error"
        )
        declared = headers.get("content-length", "0")
        if not declared.isdecimal():
            raise Refused(400, "Content-Length must be a whole number.", "invalid_request_error")
        if int(declared) > most:
            raise too_large
        body = b""
        try:
            async with asyncio.timeout(self._settings.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return _replay(message, receive)
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        break
        except TimeoutError as error:
            sentence = f"The body took longer than {self._settings.body_timeout_s:g} s to arrive."
            raise Refused(408, sentence, "invalid_request_error", {"Connection": "close"}) from error
        return _replay({"type": "http.request", "body": body, "more_body": False}, receive)


def _from_here(headers: Headers) -> None:
    """Refuses what another site's page could make a browser send: a foreign name, or a foreign origin."""
    origin = headers.get("origin")
    names = [headers.get("host", ""), *([origin.partition("://")[2]] if origin is not None else [])]
    if any(_PORT.sub("", name).lower() not in _OWN_NAMES for name in names):
        raise Refused(
            403,
            "Without a token the server answers to this machine's own names only (localhost, 127.0.0.1).",
            "permission_error",
        )


def _replay(first: Message, receive: Receive) -> Receive:
    waiting = [first]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


async def refuse(refused: Refused, send: Callable[[Message], Awaitable[None]]) -> None:
    """Send a refusal, shaped as OpenAI's clients expect it."""
    body = json.dumps(error_body(str(refused), refused.kind)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **refused.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def error_body(sentence: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's API writes it."""
    return {"error": {"message": sentence, "type": kind, "param": param, "code": code}}
