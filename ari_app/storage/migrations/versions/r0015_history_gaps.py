"""The other calls of the PBX: when nobody heard of them, and how a call of the router's is found among them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and the index."""
    op.create_table(
        "history_gaps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("filled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_history_gaps"),
    )
    op.create_index("ix_history_gaps_began_at", "history_gaps", ["began_at"])
    op.create_table(
        "history_marks",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_history_marks"),
    )
    op.create_index("ix_calls_channel_id", "calls", ["channel_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_calls_channel_id", "calls")
    op.drop_table("history_marks")
    op.drop_table("history_gaps")
