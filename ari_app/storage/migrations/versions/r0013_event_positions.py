"""One order for the events of all calls, by which programs follow them and go on where they were."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The order in which SQLite took them is known; another database has had no older events.
_IN_THE_ORDER_OF_WRITING = "UPDATE call_events SET position = rowid"
_BY_TIME = """
UPDATE call_events SET position = numbered.position
FROM (SELECT call_id, seq, row_number() OVER (ORDER BY at, call_id, seq) AS position FROM call_events) AS numbered
WHERE call_events.call_id = numbered.call_id AND call_events.seq = numbered.seq
"""


def upgrade() -> None:
    """Add the column, number what there is, and remember the last number."""
    op.add_column("call_events", sa.Column("position", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(_IN_THE_ORDER_OF_WRITING if op.get_bind().dialect.name == "sqlite" else _BY_TIME)
    op.create_index("ix_call_events_position", "call_events", ["position"], unique=True)
    op.create_table(
        "event_positions",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_positions"),
    )
    op.execute("INSERT INTO event_positions (id, last, gone) SELECT 1, coalesce(max(position), 0), 0 FROM call_events")


def downgrade() -> None:
    """Drop both."""
    op.drop_table("event_positions")
    op.drop_index("ix_call_events_position", "call_events")
    op.drop_column("call_events", "position")
