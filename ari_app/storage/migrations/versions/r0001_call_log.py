"""The call log: one row per call, and its events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("first_event_at", sa.DateTime(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("called_number", sa.Text(), nullable=False),
        sa.Column("caller_number", sa.Text(), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=False),
        sa.Column("caller_withheld", sa.Boolean(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime()),
        sa.Column("answered_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("disposition", sa.String(32), nullable=False),
        sa.Column("destination_type", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("cause", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recovered", sa.Boolean(), nullable=False),
        sa.Column("legs", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_calls"),
    )
    for column in ("first_event_at", "started_at", "caller_number", "disposition"):
        op.create_index(f"ix_calls_{column}", "calls", [column])
    still_open = sa.text("ended_at IS NULL")
    op.create_index("ix_calls_open", "calls", ["first_event_at"], sqlite_where=still_open, postgresql_where=still_open)
    op.create_table(
        "call_events",
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "seq", name="pk_call_events"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_call_events_call_id", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Drop both tables, with every call on record."""
    op.drop_table("call_events")
    op.drop_table("calls")
