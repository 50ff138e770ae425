"""Calls to numbers outside, as the dial policy counts them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; nothing is counted of what was dialled before it."""
    op.create_table(
        "outgoing_calls",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("is_counted", sa.Boolean(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("talk_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing_calls"),
    )
    op.create_index("ix_outgoing_calls_ended_at", "outgoing_calls", ["ended_at"])


def downgrade() -> None:
    """Drop the table: the counters begin anew."""
    op.drop_table("outgoing_calls")
