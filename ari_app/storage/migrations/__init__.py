"""The database's history, run through alembic's API by `ari_app.storage.migrate`."""
