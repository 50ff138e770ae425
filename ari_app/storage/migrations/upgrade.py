"""Runs the migrations. Imported where one is due: alembic and what it brings along take 8 MB."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def migration_config(connection: Connection) -> Config:
    """Alembic's configuration for this connection, without an alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest revision."""
    command.upgrade(migration_config(connection), "head")
