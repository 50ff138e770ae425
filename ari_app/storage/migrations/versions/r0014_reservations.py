"""Which request was made by which key of idempotency."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "reservations",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_reservations"),
    )
    op.create_index("ix_reservations_at", "reservations", ["at"])


def downgrade() -> None:
    """Drop the table: what was asked for by a key before can be asked for again."""
    op.drop_table("reservations")
