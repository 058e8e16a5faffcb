"""OpenTelemetry traces, set up by the standard environment variables and by nothing else.

Promise: without those variables nothing is recorded, sent or imported beyond the API. No span carries what
was said.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Tracer

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def _nothing() -> None:
    pass


def tracer(service: str) -> tuple[Tracer, Callable[[], None]]:
    """A tracer, and what to call at the end so that nothing is left unsent."""
    wanted = os.environ.get(
        "OTEL_TRACES_EXPORTER", "otlp" if any(map(os.environ.get, _ENDPOINTS)) else "none"
    )
    off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    names = {name.strip() for name in wanted.split(",")} & {"otlp", "console"}
    if off or not names:
        return trace.get_tracer("dormouse"), _nothing

    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
    provider = TracerProvider(resource=Resource.create(named))
    for name in sorted(names):
        exporter: SpanExporter = ConsoleSpanExporter()
        if name == "otlp":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("dormouse"), provider.shutdown


def parent(headers: Mapping[str, str]) -> Context:
    """The caller's trace, when the request's headers name one."""
    return propagate.extract(headers)
