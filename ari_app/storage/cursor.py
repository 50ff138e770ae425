"""Where a page ended, as text that goes to the client and comes back: opaque to him, and checked when it comes."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from ari_app.domain.history import HistoryError

_CHECK_BYTES: Final = 8
_CALL_ID = Annotated[str, Field(max_length=128, pattern=r"^[^\x00]*$")]
_NUMBER = Annotated[int, Field(ge=0, lt=2**31)]
_INSIDE: TypeAdapter[tuple[datetime, str, int, int]] = TypeAdapter(tuple[AwareDatetime, _CALL_ID, _NUMBER, int])


@dataclass(frozen=True, slots=True)
class Cursor:
    """The moment of a page's last entry, its call, its number within that, and how many entries there are in all."""

    at: datetime
    call_id: str
    number: int
    total: int

    def text(self, question: str) -> str:
        """As the client gets it. `question` is what was asked: it leads on in the answer to that, and in no other."""
        inside = _INSIDE.dump_json((self.at, self.call_id, self.number, self.total))
        return _text(_check(inside, question) + inside)

    @classmethod
    def read(cls, text: str, question: str) -> Self:
        """Raises HistoryError, bad_cursor, for what `text` did not give for this question."""
        try:
            whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            # The check finds accidents. It is no signature: what is inside is validated, and opens nothing.
            inside = whole[_CHECK_BYTES:]
            # The same bytes can be written in several ways, of which we give one.
            if _text(whole) == text and whole[:_CHECK_BYTES] == _check(inside, question):
                return cls(*_INSIDE.validate_json(inside))
        except (ValueError, ValidationError):
            pass
        raise HistoryError(
            "bad_cursor",
            "the cursor is damaged, or belongs to another question",
            "Send `next` of the page before as it is, with the same filters and order; or begin without a cursor.",
        )


def _text(whole: bytes) -> str:
    return base64.urlsafe_b64encode(whole).decode().rstrip("=")


def _check(inside: bytes, question: str) -> bytes:
    return hashlib.sha256(question.encode("utf-8", "replace") + b"\0" + inside).digest()[:_CHECK_BYTES]
