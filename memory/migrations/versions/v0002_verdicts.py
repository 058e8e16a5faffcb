"""The filter's verdicts, night by night, and the tombstones of what was forgotten.

Revision 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "verdicts",
        sa.Column("night_id", sa.String, sa.ForeignKey("nights.id"), primary_key=True, nullable=False),
        sa.Column("position", sa.Integer, primary_key=True, nullable=False),
        sa.Column("ruling", sa.String, nullable=False),
        sa.Column("text", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("turn_id", sa.Integer, nullable=False),
        sa.Column("quote", sa.String, nullable=False),
        sa.Column("memory", sa.String),
    )
    op.create_table(
        "tombstones",
        sa.Column("id", sa.String, primary_key=True, nullable=False),
        sa.Column("forgotten_at", sa.DateTime, nullable=False),
        sa.Column("fingerprint", sa.JSON, nullable=False),
        sa.Column("receipt", sa.String, nullable=False),
        sa.Column("rebuilt_at", sa.DateTime),
        sa.Column("lifted_at", sa.DateTime),
    )
