"""The newest refresh tokens of OAuth, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "oauth_grants",
        sa.Column("grant_id", sa.String(64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("grant_id", name="pk_oauth_grants"),
    )


def downgrade() -> None:
    """Drop it: every CRM that rotates refresh tokens must be authorised again."""
    op.drop_table("oauth_grants")
