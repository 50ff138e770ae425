"""The phone book, and how its synchronisation does."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables and their indexes."""
    op.create_table(
        "contacts",
        sa.Column("position", _SERIAL, nullable=False, autoincrement=True),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("company_id", sa.Text(), nullable=False),
        sa.Column("job_title", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phones", sa.JSON(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime()),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("searched", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_contacts"),
    )
    op.create_index("ix_contacts_known", "contacts", ["id", "kind", "connector"], unique=True)
    op.create_index("ix_contacts_order", "contacts", ["ordered_by", "position", "searched"])
    op.create_table(
        "contact_numbers",
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("position", _SERIAL, nullable=False),
        sa.ForeignKeyConstraint(
            ["position"], ["contacts.position"], name="fk_contact_numbers_position", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", "position", name="pk_contact_numbers"),
    )
    op.create_index("ix_contact_numbers_position", "contact_numbers", ["position"])
    op.create_table(
        "contact_syncs",
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("hook", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unusable", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("failure", sa.JSON()),
        sa.Column("whole_at", sa.DateTime()),
        sa.Column("read_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("connector", name="pk_contact_syncs"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("contact_syncs")
    op.drop_table("contact_numbers")
    op.drop_table("contacts")
