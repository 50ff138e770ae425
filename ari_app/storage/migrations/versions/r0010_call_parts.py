"""The history: who took part in each call, and who told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Of a call before this revision: who answered it, and the queue or the team of its last step. Its other parts
# would have to be folded from its events one by one, for which a starting router has no time.
_WHO_ANSWERED = """
INSERT INTO call_parts (call_id, part, kind, name, began_at, answered_at, ended_at, outcome, answered_by, direction)
SELECT call_id, 1, 'user', agent, coalesce(started_at, first_event_at), answered_at, ended_at,
       'answered', agent, direction
FROM calls WHERE agent <> '' AND answered_at IS NOT NULL AND ended_at IS NOT NULL
"""
_WHO_WAS_WAITED_FOR = """
INSERT INTO call_parts (call_id, part, kind, name, began_at, answered_at, ended_at, outcome, answered_by, direction)
SELECT call_id, 2, destination_type, destination, coalesce(started_at, first_event_at), answered_at, ended_at,
       CASE WHEN answered_at IS NOT NULL THEN 'answered' WHEN disposition = 'abandoned' THEN 'abandoned'
            ELSE 'no_answer' END,
       CASE WHEN answered_at IS NULL THEN '' WHEN agent <> '' THEN agent ELSE answered_by END, direction
FROM calls WHERE destination_type IN ('queue', 'team') AND ended_at IS NOT NULL
"""


def upgrade() -> None:
    """Add table and columns, and fill them with what the rows of the calls tell."""
    op.add_column("calls", sa.Column("source", sa.String(8), nullable=False, server_default="router"))
    op.add_column("calls", sa.Column("linkedid", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_calls_linkedid", "calls", ["linkedid"])
    op.create_table(
        "call_parts",
        sa.Column("call_id", sa.String(64), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "part", name="pk_call_parts"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_call_parts_call_id", ondelete="CASCADE"),
    )
    op.create_index("ix_call_parts_name", "call_parts", ["kind", "name", "began_at"])
    op.create_index("ix_call_parts_began_at", "call_parts", ["began_at"])
    op.execute(_WHO_ANSWERED)
    op.execute(_WHO_WAS_WAITED_FOR)


def downgrade() -> None:
    """Drop both; calls that only Asterisk told of go with them."""
    op.drop_table("call_parts")
    op.execute("DELETE FROM calls WHERE source <> 'router'")
    op.drop_index("ix_calls_linkedid", "calls")
    op.drop_column("calls", "linkedid")
    op.drop_column("calls", "source")
