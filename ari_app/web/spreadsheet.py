"""Calls as CSV (RFC 4180), which spreadsheets open: nothing that a caller has written is taken for a formula."""

import csv
import io
import re
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, TypeVar

from pydantic import BaseModel

ROWS_AT_A_TIME: Final = 100
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER: Final = re.compile(r"\+[0-9]+")

RowT = TypeVar("RowT", bound=BaseModel)


def cell(value: object) -> str:
    """What stands in a cell: moments in UTC, nothing for null.

    Text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a carriage return, also in
    their full-width forms) gets an apostrophe before it, but for a plus with nothing but digits: a telephone number.
    https://owasp.org/www-community/attacks/CSV_Injection
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Enum():
            return str(value.value)
    text = str(value)
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


async def as_csv(columns: Sequence[str], rows: AsyncIterable[RowT]) -> AsyncIterator[str]:
    """A head, and a line for each row; some at a time, so that a history of any length takes the memory of a few."""
    gathered = io.StringIO()
    writer = csv.writer(gathered)
    writer.writerow(columns)
    count = 0
    async for row in rows:
        writer.writerow([cell(getattr(row, column)) for column in columns])
        count += 1
        if count % ROWS_AT_A_TIME == 0:
            yield gathered.getvalue()
            gathered.seek(0)
            gathered.truncate()
    yield gathered.getvalue()
