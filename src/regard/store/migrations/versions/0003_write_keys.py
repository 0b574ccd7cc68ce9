"""Several write keys for a source, and what a source is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of keys and bring in the one each source had."""
    op.create_table(
        "write_keys",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("created", sa.String(), nullable=False),
        sa.Column("revoked", sa.String(), nullable=False),
    )
    op.create_index("write_keys_by_source", "write_keys", ["source"])
    op.execute(
        "INSERT INTO write_keys (source, hash, ending, created, revoked) "
        "SELECT name, write_key_hash, '', created, '' FROM sources WHERE write_key_hash != '' ORDER BY created, name"
    )
    op.drop_column("sources", "write_key_hash")
    op.add_column("sources", sa.Column("what", sa.String(), nullable=False, server_default=""))
