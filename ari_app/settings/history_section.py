"""The section `history`: which calls are on record beside the router's own, and where what was missed is found."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from agi_router.document import ConfigError, Document, Problem, Section
from ari_app.calls.pbx_calls import Source
from ari_app.storage.fill_settings import DRIVERS, FillSettings, absolute_url

OFF: Final = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """Section `history`. `pbx_calls` None: of the PBX only the router's own calls are on record.

    `timezone` is that of the times in Cdr events; None: this machine's.
    """

    pbx_calls: Source | None = None
    timezone: tzinfo | None = None
    fill_from: FillSettings | None = None


def _zone(given: str) -> str:
    try:
        ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone; write it as Europe/Madrid, or UTC") from None
    return given


def _url(given: str) -> str:
    scheme, is_url, rest = given.partition("://")
    if not is_url or scheme not in DRIVERS or not rest:
        raise ValueError(
            "is no database; write it as sqlite:////var/log/asterisk/cel.db, postgresql://USER:PASSWORD@HOST/DATABASE "
            "or mysql://USER:PASSWORD@HOST/DATABASE"
        )
    return given


Zone = Annotated[str, AfterValidator(_zone)]


class FillSection(Section):
    """`history.fill_from`."""

    url: Annotated[str, AfterValidator(_url)]
    table: Literal["cel", "cdr"]
    # Not \w: of all the world's letters, sixty times over, pydantic's engine makes an automaton of 10 MB.
    name: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$")
    timezone: Zone | None = None


class HistorySection(Section):
    """`history`."""

    pbx_calls: Literal["auto", "cel", "cdr", "off"] = "auto"
    timezone: Zone | None = None
    fill_from: FillSection | None = None


def history_settings(document: Document, section: HistorySection, *, has_ami: bool) -> HistorySettings:
    """What the section means. Raises ConfigError where calls are wanted, and nothing tells of them."""
    if not has_ami and "pbx_calls" in section.model_fields_set and section.pbx_calls != OFF:
        at = document.position(("history", "pbx_calls"))
        message = f"{section.pbx_calls} needs asterisk.ami, by which Asterisk tells of calls; add it, or say off"
        raise ConfigError([Problem(at, "history.pbx_calls", message)])
    zone = None if section.timezone is None else ZoneInfo(section.timezone)
    return HistorySettings(
        pbx_calls=Source(section.pbx_calls) if has_ami and section.pbx_calls != OFF else None,
        timezone=zone,
        fill_from=None if section.fill_from is None else _fill(document, section.fill_from, zone),
    )


def _fill(document: Document, section: FillSection, zone: tzinfo | None) -> FillSettings:
    return FillSettings(
        url=absolute_url(section.url, document.directory),
        table=section.table,
        name=section.name or section.table,
        timezone=zone if section.timezone is None else ZoneInfo(section.timezone),
    )
