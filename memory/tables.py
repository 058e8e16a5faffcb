"""The journal's tables, as SQLAlchemy models: the shape the newest migration leaves behind.

Knows nothing of a particular database; full-text search, which each database does its own way, is not here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = "0007"
"""The newest migration's revision. A journal at another one is migrated, or refused when it is newer."""


class Utc(TypeDecorator[datetime]):
    """Aware UTC datetimes over a column that keeps none."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class WellFormed(TypeDecorator[str]):
    """Text that any database can keep: a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Base(DeclarativeBase):
    """Root of the models."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {str: WellFormed, datetime: Utc}


class SessionRow(Base):
    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    title: Mapped[str | None]


class TurnRow(Base):
    __tablename__ = "turns"
    __table_args__ = (
        CheckConstraint("role IN ('system', 'user', 'assistant', 'tool')", name="turn_role"),
        CheckConstraint("state IN ('complete', 'interrupted', 'pending')", name="turn_state"),
        Index("turns_by_session", "session_id", "id"),
        Index("turns_by_night", "night_id", "id"),
        Index("turns_once", "once", unique=True),
        {"sqlite_autoincrement": True},  # an id is never given twice, even after its turn is gone
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    role: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime]
    state: Mapped[str]
    adapter: Mapped[str | None]
    reply_to: Mapped[int | None] = mapped_column(ForeignKey("turns.id"))
    tokens: Mapped[int]
    trusted: Mapped[bool]
    evidence: Mapped[bytes | None] = mapped_column(LargeBinary)
    night_id: Mapped[str | None] = mapped_column(ForeignKey("nights.id"))
    withdrawn_at: Mapped[datetime | None]
    once: Mapped[str | None]


class ToolCallRow(Base):
    __tablename__ = "tool_calls"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), index=True)
    name: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(JSON)
    result: Mapped[str]
    ok: Mapped[bool]
    state: Mapped[str] = mapped_column(server_default="done")
    evidence: Mapped[bytes | None] = mapped_column(LargeBinary)


class JudgementRow(Base):
    """What a verifier said of an answer, or of one call made for it."""

    __tablename__ = "judgements"
    __table_args__ = (CheckConstraint("outcome IN ('passed', 'failed', 'unsure')", name="judgement_outcome"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), index=True)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("tool_calls.id"))
    verifier: Mapped[str]
    outcome: Mapped[str]
    evidence: Mapped[str]
    seconds: Mapped[float] = mapped_column(Float)
    created_at: Mapped[datetime]


class MemoryRow(Base):
    __tablename__ = "memories"
    __table_args__ = (
        CheckConstraint(
            "state IN ('admitted', 'consolidated', 'superseded', 'rejected', 'forgotten')",
            name="memory_state",
        ),
        Index("memories_by_state", "state"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    attribute: Mapped[str]
    value: Mapped[str]
    quote: Mapped[str]
    statement: Mapped[str]
    created_at: Mapped[datetime]
    state: Mapped[str]
    reason: Mapped[str]
    night_id: Mapped[str | None] = mapped_column(ForeignKey("nights.id"), index=True)
    superseded_by: Mapped[str | None] = mapped_column(
        ForeignKey(
            "memories.id", deferrable=True, initially="DEFERRED"
        )  # a batch may name its own, in any order
    )
    asked: Mapped[list[list[str]]] = mapped_column(JSON)  # question, subject, attribute


class MemoryTurnRow(Base):
    """Which turns a memory rests on; `position` keeps their order."""

    __tablename__ = "memory_turns"

    memory_id: Mapped[str] = mapped_column(ForeignKey("memories.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), index=True)


class NightRow(Base):
    __tablename__ = "nights"
    __table_args__ = (
        CheckConstraint(
            "state IN ('running', 'published', 'nothing-new', 'rejected', 'failed')", name="night_state"
        ),
        Index("one_running_night", "state", unique=True, sqlite_where=text("state = 'running'")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    adapter: Mapped[str | None]
    seed: Mapped[int]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)


class ExamAnswerRow(Base):
    __tablename__ = "exam_answers"

    night_id: Mapped[str] = mapped_column(ForeignKey("nights.id"), primary_key=True)
    adapter: Mapped[str] = mapped_column(primary_key=True)
    item_id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    kind: Mapped[str]
    question: Mapped[str]
    answer: Mapped[str]
    passed: Mapped[bool]


class VerdictRow(Base):
    """What a night's filter ruled, candidate by candidate; `memory` is an id kept even when that is gone."""

    __tablename__ = "verdicts"

    night_id: Mapped[str] = mapped_column(ForeignKey("nights.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    ruling: Mapped[str]
    text: Mapped[str]
    reason: Mapped[str]
    turn_id: Mapped[int]
    quote: Mapped[str]
    memory: Mapped[str | None]


class NapRow(Base):
    """A nap that has ended; `upto` is the last turn it read, `night_id` the night that took it in."""

    __tablename__ = "naps"
    __table_args__ = (
        CheckConstraint("state IN ('published', 'nothing-new', 'rejected', 'failed')", name="nap_state"),
        Index("naps_by_session", "session_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id"))
    state: Mapped[str]
    upto: Mapped[int]
    passes: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    adapter: Mapped[str | None]
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    night_id: Mapped[str | None] = mapped_column(ForeignKey("nights.id"))


class TombstoneRow(Base):
    """What is left of something forgotten: hashes, and when."""

    __tablename__ = "tombstones"

    id: Mapped[str] = mapped_column(primary_key=True)
    forgotten_at: Mapped[datetime]
    fingerprint: Mapped[dict[str, Any]] = mapped_column(JSON)
    receipt: Mapped[str]
    rebuilt_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
