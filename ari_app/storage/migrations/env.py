"""What alembic runs for every command: the caller has put an open connection into the attributes."""

from alembic import context

import ari_app.storage.partial_indexes  # noqa: F401 - they are part of the metadata then
from ari_app.storage.schema import metadata

# SQLite's DDL is transactional once we begin the transaction ourselves, so a migration happens whole or not at all.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
