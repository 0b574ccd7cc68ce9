"""Alerts with their history and answers, who is told of them, and the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Float(), nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables; there was nothing like them before."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), primary_key=True),
        *_words("cause", "kind", "slice", "detector", "state", "quiet", "opened", "missing", "ended"),
        *_numbers("size", "told_size"),
        *_words("told_at"),
        *_texts("raised"),
    )
    op.create_index("alerts_open", "alerts", ["cause"], unique=True, sqlite_where=sa.text("state = 'open'"))
    op.create_index("alerts_by_cause", "alerts", ["cause"])
    _answered()
    op.create_table(
        "looks",
        sa.Column("detector", sa.String(), primary_key=True),
        *_words("at"),
        sa.Column("position", sa.BigInteger(), nullable=False),
        *_words("outcome"),
        *_texts("reason"),
        *_words("since"),
        sa.Column("raised", sa.Integer(), nullable=False),
        *_numbers("seconds"),
    )
    _sent()


def _answered() -> None:
    op.create_table(
        "alert_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alert", sa.Integer(), sa.ForeignKey("alerts.id"), nullable=False),
        *_words("at", "what"),
        *_texts("words"),
    )
    op.create_index("alert_events_by_alert", "alert_events", ["alert"])
    op.create_table(
        "alert_answers",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("alert", sa.Integer(), sa.ForeignKey("alerts.id"), nullable=False),
        *_words("cause", "kind", "slice", "answer"),
        *_texts("why"),
        *_words("since", "until", "again"),
        *_numbers("factor", "size"),
        *_words("at", "by", "undone"),
    )
    op.create_index("alert_answers_by_cause", "alert_answers", ["cause"])
    op.create_index("alert_answers_by_slice", "alert_answers", ["kind", "slice"])


def _sent() -> None:
    op.create_table(
        "receivers",
        sa.Column("name", sa.String(), primary_key=True),
        *_words("kind", "address", "secret"),
        sa.Column("private", sa.Boolean(), nullable=False),
        *_words("digest", "state"),
        *_texts("why"),
        *_words("created"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("receiver", sa.String(), sa.ForeignKey("receivers.name"), nullable=False),
        *_words("topic", "made"),
        *_texts("body"),
        *_words("state", "due"),
        sa.Column("tries", sa.Integer(), nullable=False),
        *_texts("told"),
        *_words("settled"),
    )
    op.create_index("outbox_due", "outbox", ["state", "due"])
    op.create_index("outbox_by_topic", "outbox", ["topic"])
