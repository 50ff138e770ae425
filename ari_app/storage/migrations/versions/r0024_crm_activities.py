"""Calls as CRMs have them."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_DUE = sa.text("due_at IS NOT NULL")
_LEFT = sa.text("(state NOT IN ('stopped', 'dismissed'))")


def upgrade() -> None:
    """Create the table and its indexes."""
    op.create_table(
        "crm_activities",
        sa.Column("id", _SERIAL, nullable=False, autoincrement=True),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("doing", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.DateTime()),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime()),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.String(64)),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_activities"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_crm_activities_call_id", "crm_activities", ["call_id"])
    op.create_index("ix_crm_activities_call", "crm_activities", ["connector", "call_id"], unique=True)
    op.create_index(
        "ix_crm_activities_due",
        "crm_activities",
        ["connector", "due_at", "id"],
        sqlite_where=_DUE,
        postgresql_where=_DUE,
    )
    op.create_index(
        "ix_crm_activities_state",
        "crm_activities",
        ["connector", "state"],
        sqlite_where=_LEFT,
        postgresql_where=_LEFT,
    )


def downgrade() -> None:
    """Drop it, with what CRMs were told."""
    op.drop_table("crm_activities")
