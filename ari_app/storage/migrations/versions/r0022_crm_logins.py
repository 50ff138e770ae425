"""What was given to connect CRMs, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "crm_logins",
        sa.Column("connector", sa.String(64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("connector", name="pk_crm_logins"),
    )


def downgrade() -> None:
    """Drop it: all CRMs have to be logged in again."""
    op.drop_table("crm_logins")
