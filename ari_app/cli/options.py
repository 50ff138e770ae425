"""What the options of a command ask for, read and checked as the REST API reads the same."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from ari_app.cli.outcome import CommandError
from ari_app.domain.history import HistoryError

Model = TypeVar("Model", bound=BaseModel)
Meaning = TypeVar("Meaning")

_OPTIONS: Final[Mapping[str, str]] = {"tz": "zone"}
"""Those that are called otherwise than the parameters of the API."""


def read_options(
    model: type[Model], asked: Mapping[str, Any], meaning: Callable[[Model], Meaning], *, command: str
) -> Meaning:
    """What it means that this is asked for. Raises CommandError with the first mistake, by the option's name."""
    try:
        return meaning(model.model_validate(asked))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        parameter = str(first["loc"][0])
        reason = first["msg"].removeprefix("Value error, ")
        raise CommandError(
            f"--{_OPTIONS.get(parameter, parameter)}: {reason}", f"{command} --help tells what it takes."
        ) from None
    except HistoryError as error:
        raise CommandError(str(error), error.remedy) from error
