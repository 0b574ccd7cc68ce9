"""Segments merged out of small ones, which carry their positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; segments there are keep none, their positions being one range."""
    op.add_column("segments", sa.Column("positions", sa.LargeBinary()))
    op.create_index("segments_by_end", "segments", ["last_position"])
