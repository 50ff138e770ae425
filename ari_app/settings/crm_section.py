"""The section `crm`: which CRMs are connected, by which document, and what is done with them."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator

from agi_router.document import ConfigError, Document, Problem, Section
from agi_router.document.problems import suggestion
from agi_router.lookup.connections import trusting
from agi_router.settings.findings import At
from agi_router.settings.placeholders import is_placeholder
from agi_router.settings.values import Name
from ari_app.crm.document.model import Document as CrmDocument
from ari_app.crm.document.model import Property, PropertyType
from ari_app.crm.document.reading import find, shipped_names
from ari_app.crm.settings import (
    FULL_EVERY_S,
    ActivitySettings,
    ConnectorSettings,
    CrmSettings,
    FindSettings,
    LoginSettings,
    SharedNumbers,
    UnknownNumbers,
)

_EVERY = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[mhd])")
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
NEVER = "never"
LONGEST_EVERY_S = 31 * 86_400
_LOGIN = LoginSettings()


def _every(given: Any) -> float | None:
    """Seconds; None for never."""
    if given is None or given == NEVER:
        return None
    time = _EVERY.fullmatch(given) if isinstance(given, str) else None
    seconds = int(time["count"]) * _UNITS[time["unit"]] if time else 0
    if not 0 < seconds <= LONGEST_EVERY_S:
        raise ValueError("is a length of time up to 31d, such as 30m, 1h or 1d; or never")
    return float(seconds)


Every = Annotated[float | None, PlainValidator(_every)]


class FindSection(Section):
    """`crm.NAME.find`."""

    enabled: bool = True
    deadline_s: float = Field(default=2.0, ge=0.1, le=10)
    show_name: bool = True
    shared: SharedNumbers = SharedNumbers.REFUSE
    unknown: UnknownNumbers = UnknownNumbers.IGNORE


class ActivitiesSection(Section):
    """`crm.NAME.activities`."""

    enabled: bool = True
    directions: list[Literal["inbound", "outbound"]] = Field(default=["inbound", "outbound"], min_length=1)
    recordings: bool = True
    deadline_s: float = Field(default=15.0, ge=1, le=120)


class PhoneBookSection(Section):
    """`crm.NAME.phone_book`."""

    every: Every = 3600.0
    full_every: Every = FULL_EVERY_S


class UsersSection(Section):
    """`crm.NAME.users`."""

    every: Every = 3600.0


class LoginSection(Section):
    """`crm.NAME.login`: the address on this host that OAuth's browser comes back to."""

    callback_port: int = Field(default=_LOGIN.callback_port, ge=0, le=65_535)
    callback_path: str = Field(default=_LOGIN.callback_path, pattern=r"^/[A-Za-z0-9_./-]*$")
    callback_host: Literal["127.0.0.1", "localhost"] = "127.0.0.1"


class ConnectorSection(Section):
    """`crm.NAME`."""

    document: str = Field(min_length=1)
    properties: dict[str, str] = Field(default_factory=dict)
    ca_file: str | None = Field(default=None, min_length=1)
    login: LoginSection = LoginSection()
    find: FindSection = FindSection()
    activities: ActivitiesSection = ActivitiesSection()
    phone_book: PhoneBookSection = PhoneBookSection(every=None)
    users: UsersSection = UsersSection()


CrmSection = dict[Name, ConnectorSection]
"""`crm`, in its order."""


def crm_settings(document: Document, section: CrmSection) -> CrmSettings:
    """What the section means. Raises ConfigError with every problem, those of the CRMs' documents included."""
    found: list[Problem] = []
    connectors: list[ConnectorSettings] = []
    for name, written in section.items():
        try:
            connectors.append(_connector(document, name, written))
        except ConfigError as error:
            found += error.problems
    if found:
        raise ConfigError(found)
    return CrmSettings(connectors=tuple(connectors))


def _connector(document: Document, name: str, section: ConnectorSection) -> ConnectorSettings:
    at: At = ("crm", name)
    ca_file, found = _ca_file(document, at, section.ca_file)
    try:
        of_crm = _document(document, (*at, "document"), section.document)
    except ConfigError as error:
        raise ConfigError([*found, *error.problems]) from None
    found += _property_problems(document, at, of_crm, section.properties)
    if found:
        raise ConfigError(found)
    return ConnectorSettings(
        name=name,
        document=of_crm,
        properties=_given(document, at),
        ca_file=ca_file,
        login=LoginSettings(
            callback_host=section.login.callback_host,
            callback_port=section.login.callback_port,
            callback_path=section.login.callback_path,
        ),
        find=FindSettings(
            is_on=section.find.enabled,
            deadline_s=section.find.deadline_s,
            shows_name=section.find.show_name,
            shared=section.find.shared,
            unknown=section.find.unknown,
        ),
        activities=ActivitySettings(
            is_on=section.activities.enabled,
            directions=frozenset(section.activities.directions),
            recordings=section.activities.recordings,
            deadline_s=section.activities.deadline_s,
        ),
        phone_book_every_s=section.phone_book.every,
        phone_book_full_every_s=section.phone_book.full_every,
        users_every_s=section.users.every,
    )


def _given(document: Document, at: At) -> dict[str, str]:
    """As the file has them: they know what the environment brought, which is told to nobody."""
    written = document.tree["crm"][at[1]].get("properties") or {}
    return {name: value if isinstance(value, str) else str(value) for name, value in written.items()}


def _ca_file(document: Document, at: At, given: str | None) -> tuple[Path | None, list[Problem]]:
    if given is None:
        return None, []
    file = document.directory / given
    try:
        trusting(file)
    except OSError as error:
        message = f"{file} cannot be read as PEM certificates: {error.strerror or error}; check the file"
        return None, [document.problem((*at, "ca_file"), message)]
    return file, []


def _document(document: Document, at: At, written: str) -> CrmDocument:
    if written not in shipped_names() and not (document.directory / written).is_file():
        message = (
            f'there is no file "{document.directory / written}", and no document "{written}" comes with the router'
            f"{suggestion(written, shipped_names())}"
        )
        raise ConfigError([document.problem(at, message)])
    return find(written, document.directory)


def _property_problems(document: Document, at: At, of_crm: CrmDocument, given: dict[str, str]) -> list[Problem]:
    known = {each.name: each for each in of_crm.properties}
    found = []
    for name, value in given.items():
        place = (*at, "properties", name)
        if name not in known:
            hint = suggestion(name, list(known)) or "; it has no properties at all"
            found.append(document.problem(place, f"is no property of the document {of_crm.name}{hint}"))
        elif problem := property_problem(known[name], value):
            found.append(document.problem(place, problem))
    return found


def property_problem(asked: Property, value: str) -> str:
    """What is wrong with this value of a property; "" when nothing is."""
    if asked.type is PropertyType.SELECT and asked.options and value not in asked.options:
        return f'is one of {", ".join(asked.options)}, not "{value}"'
    if asked.type is PropertyType.URL and not _is_url(value):
        return 'is no http or https address; write it in full, such as "https://crm.example.com/api"'
    if asked.is_secret and is_placeholder(value):
        return "is a placeholder; put in the one that the CRM has given you, or leave it out and log in"
    return ""


def _is_url(given: str) -> bool:
    try:
        url = urlsplit(given)
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
