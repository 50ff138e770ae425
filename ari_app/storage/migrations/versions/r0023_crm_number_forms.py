"""In which form of a number each CRM knows its contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "crm_number_forms",
        sa.Column("connector", sa.String(64), primary_key=True),
        sa.Column("form", sa.String(32), primary_key=True),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("matched_at", sa.DateTime(), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("crm_number_forms")
