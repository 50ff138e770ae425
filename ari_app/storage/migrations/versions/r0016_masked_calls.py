"""Which calls have lost their numbers for their age."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_UNMASKED = sa.text("masked_at IS NULL")


def upgrade() -> None:
    """Add the column, and the index by which the others are found."""
    op.add_column("calls", sa.Column("masked_at", sa.DateTime()))
    op.create_index(
        "ix_calls_unmasked",
        "calls",
        ["first_event_at", "call_id"],
        sqlite_where=_UNMASKED,
        postgresql_where=_UNMASKED,
    )


def downgrade() -> None:
    """Drop both; masked calls stay masked."""
    op.drop_index("ix_calls_unmasked", "calls")
    op.drop_column("calls", "masked_at")
