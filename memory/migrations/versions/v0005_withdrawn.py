"""A session's title as its owner gave it, and when a turn was taken back.

Revision 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    op.add_column("sessions", sa.Column("title", sa.String))
    op.add_column("turns", sa.Column("withdrawn_at", sa.DateTime))
