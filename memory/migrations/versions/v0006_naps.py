"""Naps: what left a session's context, and the day adapter that was made of it.

Revision 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.create_table(
        "naps",
        sa.Column("id", sa.String, primary_key=True, nullable=False),
        sa.Column("session_id", sa.String, sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("upto", sa.Integer, nullable=False),
        sa.Column("passes", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("ended_at", sa.DateTime, nullable=False),
        sa.Column("adapter", sa.String),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("night_id", sa.String, sa.ForeignKey("nights.id")),
        sa.CheckConstraint("state IN ('published', 'nothing-new', 'rejected', 'failed')", name="nap_state"),
    )
    op.create_index("naps_by_session", "naps", ["session_id", "id"])
