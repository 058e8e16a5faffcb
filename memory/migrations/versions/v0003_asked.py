"""Questions that ask for a memory are kept with it.

Revision 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    op.add_column("memories", sa.Column("asked", sa.JSON, nullable=False, server_default="[]"))
