"""What a database fails with, whichever it is, and what is said of it."""

from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.storage.errors import StorageError

FAILURES: Final = (SQLAlchemyError, OSError, StorageError)
"""Everything by which reading or writing fails. A StorageError is of a connection that did not come about."""

WRITING_REMEDY: Final = "is the disk full, the file read-only, the database locked by another program, its server down?"

_SQLITE_FAULTS: Final = (IntegrityError, DataError, ProgrammingError)
_FAULT_CLASSES: Final = ("22", "23", "54")
"""Of SQLSTATE: data exception, integrity constraint violation, program limit exceeded (a text too long to be indexed).

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""


def is_fault_of_rows(error: BaseException) -> bool:
    """Whether these rows can never be written; all other errors are the database's own, and waiting mends them."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, StatementError)  # a value that does not fit its column, found before it was sent
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is None:
        return isinstance(error, _SQLITE_FAULTS)
    return str(sqlstate).startswith(_FAULT_CLASSES)


def reason(error: Exception) -> str:
    """What the database or the system said."""
    return str(error.orig if isinstance(error, DBAPIError) else error) or type(error).__name__


def remedy(error: Exception) -> str:
    """What to do about a database that cannot be written."""
    return error.remedy if isinstance(error, StorageError) else WRITING_REMEDY


def name_of(engine: AsyncEngine) -> str:
    """What people call the database of this engine."""
    return engine.url.database or ""


def unusable(engine: AsyncEngine, error: Exception) -> StorageError:
    """What people are told when the database answers with an error."""
    if isinstance(error, StorageError):
        return error
    if engine.dialect.name == "sqlite":
        hint = (
            "Is it an SQLite file of agi-router, may this user write beside it (be the router's user, or root), "
            "is the disk full, does another program hold it locked?"
        )
    else:
        hint = (
            "Does the server run, and may this user read and write all tables of the database? agi-router doctor tells."
        )
    return StorageError(f"the database {name_of(engine)} cannot be used: {reason(error)}", hint)
