"""The last good answer of the API for each caller."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "last_good_answers",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_last_good_answers"),
    )
    op.create_index("ix_last_good_answers_until", "last_good_answers", ["until"])


def downgrade() -> None:
    """Drop the table: the router forgets, and asks again."""
    op.drop_table("last_good_answers")
