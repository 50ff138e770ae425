"""Rows that are put in or brought up to date in one statement, in the words of each database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from sqlalchemy import Column, Insert, Table
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Upsert:
    """Made once: SQLAlchemy takes longer to build a statement than a database to carry it out.

    That is at its first use, for the database that there is.
    """

    table: Table
    key: Sequence[Column[Any]]
    changed: Sequence[str]
    _statements: dict[str, Insert] = field(default_factory=dict)

    def on(self, connection: AsyncConnection) -> Insert:
        """The statement for this connection's database."""
        name = connection.dialect.name
        if name not in self._statements:
            self._statements[name] = self._in_words_of(name)
        return self._statements[name]

    def _in_words_of(self, name: str) -> Insert:
        new = import_module(f"sqlalchemy.dialects.{name}").insert(self.table)
        put: Insert
        if self.changed:
            brought_up_to_date = {column: new.excluded[column] for column in self.changed}
            put = new.on_conflict_do_update(index_elements=self.key, set_=brought_up_to_date)
        else:
            put = new.on_conflict_do_nothing(index_elements=self.key)
        return put


def upsert(table: Table, changed: Sequence[str] | None = None, *, by: Column[Any] | None = None) -> Upsert:
    """A row that is there already gets these columns anew, all others when None; none: it stays.

    It is there by its primary key, or by another column that is unique.
    """
    columns = [column.name for column in table.c if not column.primary_key] if changed is None else changed
    return Upsert(table, list(table.primary_key) if by is None else [by], columns)
