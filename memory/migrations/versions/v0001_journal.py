"""The journal: sessions, turns and their full-text index, tool calls, nights, memories, exam answers.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    _conversation()
    _learning()
    _full_text()


def _conversation() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String, primary_key=True, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "nights",
        sa.Column("id", sa.String, primary_key=True, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime),
        sa.Column("adapter", sa.String),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'published', 'nothing-new', 'rejected', 'failed')", name="night_state"
        ),
    )
    op.create_index(
        "one_running_night", "nights", ["state"], unique=True, sqlite_where=sa.text("state = 'running'")
    )
    op.create_table(
        "turns",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("role", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("adapter", sa.String),
        sa.Column("reply_to", sa.Integer, sa.ForeignKey("turns.id")),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("trusted", sa.Boolean, nullable=False),
        sa.Column("evidence", sa.LargeBinary),
        sa.Column("night_id", sa.String, sa.ForeignKey("nights.id")),
        sa.CheckConstraint("role IN ('system', 'user', 'assistant', 'tool')", name="turn_role"),
        sa.CheckConstraint("state IN ('complete', 'interrupted', 'pending')", name="turn_state"),
        sqlite_autoincrement=True,
    )
    op.create_index("turns_by_session", "turns", ["session_id", "id"])
    op.create_index("turns_by_night", "turns", ["night_id", "id"])
    op.create_table(
        "tool_calls",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id"), nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("result", sa.String, nullable=False),
        sa.Column("ok", sa.Boolean, nullable=False),
    )
    op.create_index("ix_tool_calls_turn_id", "tool_calls", ["turn_id"])


def _learning() -> None:
    op.create_table(
        "memories",
        sa.Column("id", sa.String, primary_key=True, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("attribute", sa.String, nullable=False),
        sa.Column("value", sa.String, nullable=False),
        sa.Column("quote", sa.String, nullable=False),
        sa.Column("statement", sa.String, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("night_id", sa.String, sa.ForeignKey("nights.id")),
        sa.Column(
            "superseded_by", sa.String, sa.ForeignKey("memories.id", deferrable=True, initially="DEFERRED")
        ),
        sa.CheckConstraint(
            "state IN ('admitted', 'consolidated', 'superseded', 'rejected', 'forgotten')",
            name="memory_state",
        ),
    )
    op.create_index("memories_by_state", "memories", ["state"])
    op.create_index("ix_memories_night_id", "memories", ["night_id"])
    op.create_table(
        "memory_turns",
        sa.Column("memory_id", sa.String, sa.ForeignKey("memories.id"), primary_key=True, nullable=False),
        sa.Column("position", sa.Integer, primary_key=True, nullable=False),
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id"), nullable=False),
    )
    op.create_index("ix_memory_turns_turn_id", "memory_turns", ["turn_id"])
    op.create_table(
        "exam_answers",
        sa.Column("night_id", sa.String, sa.ForeignKey("nights.id"), primary_key=True, nullable=False),
        sa.Column("adapter", sa.String, primary_key=True, nullable=False),
        sa.Column("item_id", sa.String, primary_key=True, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("answer", sa.String, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
    )


def _full_text() -> None:
    # The index holds no text of its own: it reads user turns through the view, and triggers keep it in step.
    op.execute("CREATE VIEW user_turns AS SELECT id, content FROM turns WHERE role = 'user'")
    op.execute(
        "CREATE VIRTUAL TABLE turns_text USING fts5(content, content='user_turns', content_rowid='id', "
        "tokenize='porter unicode61 remove_diacritics 2')"
    )
    drop_old = (
        "INSERT INTO turns_text(turns_text, rowid, content) "
        "SELECT 'delete', old.id, old.content WHERE old.role = 'user';"
    )
    add_new = "INSERT INTO turns_text(rowid, content) SELECT new.id, new.content WHERE new.role = 'user';"
    op.execute(f"CREATE TRIGGER turns_text_insert AFTER INSERT ON turns BEGIN {add_new} END")
    op.execute(f"CREATE TRIGGER turns_text_delete AFTER DELETE ON turns BEGIN {drop_old} END")
    op.execute(
        "CREATE TRIGGER turns_text_update AFTER UPDATE OF id, role, content ON turns "
        f"BEGIN {drop_old} {add_new} END"
    )
