"""What the parts of a document are parsed with: the names that are known where, and all mistakes in one list."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agi_router.document import Document as Written
from agi_router.document import Problem
from agi_router.routing.path import JsonPath
from agi_router.routing.route import Scalar
from ari_app.crm.document.model import LEFT_OUT_WITHOUT, JsonText
from ari_app.crm.document.text import Text

At = tuple[str | int, ...]
T = TypeVar("T")
NOTHING = Text(())


@dataclass(slots=True)
class Parsing:
    """One document on its way from what is written to what it means."""

    written: Written
    properties: Sequence[str] = ()
    problems: list[Problem] = field(default_factory=list)

    def problem(self, at: At, message: str) -> None:
        """A mistake, which ends the parsing in the end."""
        self.problems.append(self.written.problem(at, message))

    def tried(self, at: At, parse: Callable[[], T], otherwise: T) -> T:
        """What `parse` makes of it; its ValueError is a mistake that stands there."""
        try:
            return parse()
        except ValueError as error:
            self.problem(at, str(error))
            return otherwise

    def text(self, at: At, given: str, known: Sequence[str] = ()) -> Text:
        """A text with names of these, and of properties."""
        return self.tried(at, lambda: Text.parse(given, (*self.properties, *known)), NOTHING)

    def header(self, at: At, given: str, known: Sequence[str] = ()) -> Text:
        """The same, whose fixed parts can stand in a header."""
        text = self.text(at, given, known)
        if not all(part.isascii() and part.isprintable() for part in text.parts if isinstance(part, str)):
            self.problem(at, "a header holds printable ASCII characters on one line")
        return text

    def path(self, at: At, given: str) -> JsonPath | None:
        """A path into an answer."""
        return self.tried(at, lambda: JsonPath.parse(given), None)

    def field(self, at: At, given: Any, known: Sequence[str]) -> Text | Scalar:
        """A single value of a form or a query."""
        match given:
            case str():
                return self.text(at, given, known)
            case None | bool() | int() | float():
                return given
            case _:
                self.problem(at, "is a single value here; nested ones stand in a JSON body")
                return None

    def json(self, at: At, given: Any, known: Sequence[str]) -> JsonText:
        """A document whose texts are templates; its keys are as they are."""
        match given:
            case dict():
                condition = given.get(LEFT_OUT_WITHOUT, "")
                if not isinstance(condition, str):
                    self.problem((*at, LEFT_OUT_WITHOUT), 'is a text, such as "$contact_id$"')
                return {key: self.json((*at, key), item, known) for key, item in given.items()}
            case list():
                return [self.json((*at, index), item, known) for index, item in enumerate(given)]
            case _:
                return self.field(at, given, known)
