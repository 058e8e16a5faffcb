"""Tool calls know how far they came and keep the tokens they were said with; judgements on calls and answers.

Revision 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.add_column("tool_calls", sa.Column("state", sa.String, nullable=False, server_default="done"))
    op.add_column("tool_calls", sa.Column("evidence", sa.LargeBinary))
    op.execute("UPDATE tool_calls SET state = 'failed' WHERE NOT ok")
    op.create_table(
        "judgements",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("turn_id", sa.Integer, sa.ForeignKey("turns.id"), nullable=False),
        sa.Column("call_id", sa.Integer, sa.ForeignKey("tool_calls.id")),
        sa.Column("verifier", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("evidence", sa.String, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.CheckConstraint("outcome IN ('passed', 'failed', 'unsure')", name="judgement_outcome"),
    )
    op.create_index("ix_judgements_turn_id", "judgements", ["turn_id"])
