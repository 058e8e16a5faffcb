"""What the server counts, for Prometheus. No figure carries a user's name or words."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ...graphs.chat import ChatAnswer
from .fair_queue import FairQueue

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """The figures of one server."""

    def __init__(self, queue: FairQueue) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "dormouse_requests", "Requests answered.", ["method", "route", "code"], registry=registry
        )
        self.request_seconds = Histogram(
            "dormouse_request_seconds",
            "Seconds to answer a request.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.first_token_seconds = Histogram(
            "dormouse_first_token_seconds",
            "Seconds from a turn being heard to its first token.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "dormouse_queue_seconds",
            "Seconds a turn waited for the engine.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.turns = Counter("dormouse_turns", "Turns by how they ended.", ["finish"], registry=registry)
        self.tokens = Counter("dormouse_tokens", "Tokens by kind.", ["kind"], registry=registry)
        waiting = Gauge("dormouse_turns_waiting", "Turns waiting for the engine.", registry=registry)
        waiting.set_function(lambda: queue.waiting)
        busy = Gauge("dormouse_engine_busy", "Whether a turn is being answered.", registry=registry)
        busy.set_function(lambda: float(queue.busy))

    def answered(self, answer: ChatAnswer) -> None:
        """Count a turn that ended."""
        self.turns.labels(answer.finish).inc()
        self.tokens.labels("prompt").inc(answer.prompt_tokens)
        self.tokens.labels("cached").inc(answer.reused_tokens)
        self.tokens.labels("generated").inc(answer.generated_tokens)

    def text(self) -> bytes:
        """All figures, as Prometheus reads them."""
        return generate_latest(self._registry)
