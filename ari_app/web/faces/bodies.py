"""Bodies that are read once it is known who sends them: FastAPI reads those that it is told of before it asks.

And what may stand in them, and in queries.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from ari_app.web.problems import ProblemError, mistake_text

ModelT = TypeVar("ModelT", bound=BaseModel)


def _digits(given: Any) -> Any:
    """A whole number as a text: programs write extensions and numbers in either way."""
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


_Short = Annotated[str, Field(min_length=1, max_length=128)]
Word = Annotated[_Short, BeforeValidator(_digits, json_schema_input_type=_Short | int)]
"""A text, or a whole number, of which it makes a text."""

_Any = Annotated[str, Field(max_length=128)]
OptionalWord = Annotated[_Any, BeforeValidator(_digits, json_schema_input_type=_Any | int)] | None
"""The same; an empty one is none."""


Blank = Literal[""]


def blank(default: Any) -> Callable[[Any], Any]:
    """For BeforeValidator: a parameter that is empty is as good as none. Programs fill in the addresses of forms."""
    return lambda given: default if given == "" else given


async def json_body(request: Request, model: type[ModelT]) -> ModelT:
    """The body, which is JSON, also where nothing says so. Raises ProblemError, bad_request."""
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError):  # no JSON, or none that is Unicode
        required = (name for name, field in model.model_fields.items() if field.is_required())
        remedy = f"Send a JSON object with {' and '.join(required)}."
        raise ProblemError(400, "bad_request", "the body is no JSON", remedy) from None
    return checked(model, given)


def checked(model: type[ModelT], given: Any) -> ModelT:
    """What was sent, as this model. Raises ProblemError, bad_request, with the first mistake."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        detail = first_mistake(error, "the body")
        raise ProblemError(400, "bad_request", detail, "Correct it, and ask again.") from None


def first_mistake(error: ValidationError, whole: str) -> str:
    """Where it is, and what; `whole` is what all of the input is called."""
    first = error.errors(include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or whole
    return f"{where}: {mistake_text(first)}"


def described(model: type[BaseModel], *media_types: str) -> dict[str, Any]:
    """For `openapi_extra` of a path operation: its body is like this."""
    content = {media_type: {"schema": model.model_json_schema()} for media_type in media_types}
    return {"requestBody": {"required": True, "content": content}}
