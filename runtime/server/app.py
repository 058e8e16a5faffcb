"""The server's app: the routes behind the gate, over one set of scopes.

Promise: what it opened is closed when the server stops, and turns being answered end as interrupted.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.types import ASGIApp

from ..scopes import Scopes
from . import chat_routes, embedding_routes, faults, memory_routes
from .fair_queue import FairQueue
from .gate import Gate
from .metrics import CONTENT_TYPE, Metrics
from .nights import Sleepers
from .settings import ServeSettings
from .state import House
from .tokens import Tokens
from .traces import tracer
from .turns import Turns

_TITLE = "Dormouse"


def make_app(scopes: Scopes, settings: ServeSettings, *, demands_tokens: bool = False) -> ASGIApp:
    """The ASGI app over `scopes`, which stay the caller's to close."""
    queue = FairQueue(settings.max_waiting, settings.max_waiting_per_user)
    metrics, (tracing, flush) = Metrics(queue), tracer(scopes.spec.name)
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="dormouse-answer")
    turns = Turns(scopes, queue, metrics, tracing, threads)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        threads.shutdown(wait=False, cancel_futures=True)
        flush()

    app = FastAPI(title=_TITLE, lifespan=lifespan, docs_url=None, redoc_url=None, version=_version())
    vectors = FairQueue(settings.max_waiting, settings.max_waiting_per_user)
    app.state.house = House(
        scopes.spec, settings, scopes, turns, Sleepers(scopes), metrics, vectors, int(time.time())
    )
    app.include_router(chat_routes.router)
    app.include_router(embedding_routes.router)
    app.include_router(memory_routes.router)
    faults.install(app)
    _add_own_routes(app, metrics)
    _describe(app)
    return Gate(app, Tokens(scopes.path), settings, metrics, tracing, demands_tokens)


def _add_own_routes(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz")
    async def healthz(request: Request) -> dict[str, Any]:
        """Whether the server answers; asks nothing of the engine."""
        return {"status": "ok"}

    @app.get("/metrics", response_class=Response, responses=faults.REFUSALS)
    async def figures() -> Response:
        """The server's figures, for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)


def _describe(app: FastAPI) -> None:
    """The OpenAPI document: with the token's scheme, and without 422, which is never answered."""
    made = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = made()
            for path in found["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            found["components"].setdefault("securitySchemes", {})["token"] = {
                "type": "http",
                "scheme": "bearer",
            }
            found["security"] = [{"token": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dormouse")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "0"
