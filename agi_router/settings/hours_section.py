"""The shape of `hours`: calendars of business hours, which routes name."""

from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import PlainValidator

from agi_router.document import Section, suggestion
from agi_router.routing.opening_times import Holiday, Opening


def _zone(given: Any) -> ZoneInfo:
    if not isinstance(given, str) or not given:
        raise ValueError("is the name of a time zone, such as Europe/Berlin")
    try:
        return ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder
        raise ValueError(f'"{given}" is not a time zone{nearest_zone(given)}') from None


def nearest_zone(given: str) -> str:
    """The end of a sentence that names the zone which was probably meant: another case, only its city, a slip."""
    names = available_timezones()
    wanted = given.strip().replace(" ", "_").casefold()
    for name in sorted(names):
        if wanted in {name.casefold(), name.rpartition("/")[2].casefold()}:
            return f'; did you mean "{name}"?'
    near = suggestion(given, sorted(names))
    return near if "did you mean" in near else "; write one of the tz database, such as Europe/Berlin or UTC"


def _opening(given: Any) -> Opening:
    return Opening.parse(_text(given))


def _holiday(given: Any) -> Holiday:
    return Holiday.parse(_text(given))


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("is a text; put it in quotes")  # noqa: TRY004 - pydantic reports ValueError
    return given


Zone = Annotated[ZoneInfo, PlainValidator(_zone)]


class CalendarSection(Section):
    """One calendar. `holidays_file` has one holiday on each line."""

    zone: Zone
    open: tuple[Annotated[Opening, PlainValidator(_opening)], ...]
    holidays: tuple[Annotated[Holiday, PlainValidator(_holiday)], ...] = ()
    holidays_file: str | None = None
