"""The idempotency key that a turn was written under, if its writer gave one.

Revision 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    op.add_column("turns", sa.Column("once", sa.String))
    op.create_index("turns_once", "turns", ["once"], unique=True)
