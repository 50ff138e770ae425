"""Recordings of calls and voicemail, and who listened to them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_UNFETCHED = sa.text("state IN ('running', 'ended')")


def upgrade() -> None:
    """Create both tables and their indexes."""
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"])
    op.create_index("ix_recordings_started_at", "recordings", ["started_at"])
    op.create_index(
        "ix_recordings_unfetched", "recordings", ["state"], sqlite_where=_UNFETCHED, postgresql_where=_UNFETCHED
    )
    op.create_table(
        "recording_listenings",
        sa.Column("id", _SERIAL, nullable=False, autoincrement=True),
        sa.Column("recording_id", sa.String(128), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("first_byte", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recording_listenings"),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.id"],
            name="fk_recording_listenings_recording_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_recording_listenings_recording_id", "recording_listenings", ["recording_id"])


def downgrade() -> None:
    """Drop both; the files stay in the store."""
    op.drop_table("recording_listenings")
    op.drop_table("recordings")
