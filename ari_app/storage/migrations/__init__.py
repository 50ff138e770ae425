"""The database's history, run through alembic's API by `ari_app.storage.migrate`."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009")
"""All revisions of `versions`, the oldest first."""
