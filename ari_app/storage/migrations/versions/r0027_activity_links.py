"""Where people find the activities of calls in CRMs."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; links of earlier activities are not known."""
    op.add_column("crm_activities", sa.Column("url", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("crm_activities", "url")
