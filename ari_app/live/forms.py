"""Reads what a program asks at the control socket, and says in words what is wrong with it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agi_router.document.problems import suggestion
from ari_app.control.settings import ControlError
from ari_app.domain.unavailable import UnavailableError

Command = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Of the control socket: arguments as JSON has them, and the answer. It raises ControlError with what is wrong."""

FormT = TypeVar("FormT", bound=BaseModel)


def read_form(form: type[FormT], arguments: Mapping[str, Any]) -> FormT:
    """These arguments as this form. Raises ControlError with the first mistake; its code is `bad_request`."""
    try:
        return form.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(part for part in first["loc"] if isinstance(part, str))
        message = f"{where} {_mistake(first, list(form.model_fields))}"
        raise ControlError(f"{message} [bad_request]", "Correct it, and ask again.") from None


def telling(command: Command) -> Command:
    """The same command: that the database or a store cannot be used is told as well."""

    async def tell(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await command(arguments)
        except UnavailableError as error:
            raise ControlError(f"{error} [storage]", error.remedy) from None

    return tell


def _mistake(error: ErrorDetails, known: list[str]) -> str:
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "string_too_short":
            return "is empty"
        case "string_too_long":
            return f"has more than {limits['max_length']} characters"
        case "greater_than_equal":
            return f"must be at least {limits['ge']:.15g}"
        case "less_than_equal":
            return f"must be at most {limits['le']:.15g}"
        case "extra_forbidden":
            return "is not known" + suggestion(str(error["loc"][-1]), known)
        case "literal_error" | "enum":
            expected = str(limits["expected"]).replace(" or ", ", ").replace("'", "").split(", ")
            return f"is none of {', '.join(expected)}"
        case _:
            return f"is wrong: {error['msg'][:1].lower()}{error['msg'][1:]}"
