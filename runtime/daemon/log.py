"""The daemon's log: one JSON object a line, to stderr and to a file of the home that only its user can read.

Promise: the file is bounded, and a line goes to the file that bears its name, also after that was rewritten
by others. Knows events and fields; nothing of what they mean.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

_KEPT_BYTES = 1 << 20
_KEPT_FILES = 3


def log_path(home: Path) -> Path:
    """Where the newest lines are."""
    return home / "logs" / "daemon.jsonl"


class Log:
    """`log("night began", turns=3)`. The libraries' own warnings go there too."""

    def __init__(self, home: Path) -> None:
        path = log_path(home)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.chmod(0o700)
        file = _Private(path, maxBytes=_KEPT_BYTES, backupCount=_KEPT_FILES, encoding="utf-8")
        self._handlers: list[logging.Handler] = [file, logging.StreamHandler(sys.stderr)]
        self._loggers = [logging.getLogger("dormouse.daemon"), logging.getLogger("apscheduler")]
        for handler in self._handlers:
            handler.setFormatter(_Json())
            for logger in self._loggers:
                logger.addHandler(handler)
        for logger, level in zip(self._loggers, (logging.INFO, logging.ERROR), strict=True):
            logger.setLevel(level)
            logger.propagate = False

    def __call__(self, event: str, level: int = logging.INFO, **fields: Any) -> None:
        self._loggers[0].log(level, event, extra={"fields": fields})

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        for handler in self._handlers:
            for logger in self._loggers:
                logger.removeHandler(handler)
            handler.close()


class _Private(RotatingFileHandler):
    def _open(self) -> Any:
        return os.fdopen(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and self._replaced(self.stream):
            with suppress(OSError):
                self.stream.close()
            self.stream = None  # what it inherits opens it again
        super().emit(record)

    def _replaced(self, stream: TextIO) -> bool:
        try:
            return not os.path.samestat(os.stat(self.baseFilename), os.fstat(stream.fileno()))
        except OSError:
            return True


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
