"""The whole configuration: routing's sections, and those of the application on top of them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from agi_router.document import ConfigError, Document, Problem, Section, load_document, salvage, validate
from agi_router.fastagi.settings import AgiSettings
from agi_router.settings import RoutingSections, RoutingSettings, routing_settings
from agi_router.settings.agi_section import AgiSection
from ari_app.asterisk.ami_section import AmiSection, ami_settings
from ari_app.asterisk.own_secret import OwnSecret
from ari_app.asterisk.settings import AmiSettings, AriSettings
from ari_app.control.settings import LONGEST_PATH, ControlSettings
from ari_app.logs import Format, Level, LogSettings
from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings

DEFAULT_DATABASE = "sqlite:////var/lib/agi-router/agi-router.db"

_APP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class AsteriskSettings:
    """Section `asterisk`. Without `ami` nobody's queues are known."""

    ari: AriSettings
    ami: AmiSettings | None = None


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Section `calls`. With more than `max_in_setup` calls that nobody has answered, new ones go to the dialplan.

    `carries_out_transfers`: what the Transfer key of a phone asks for is done by the router, not by Asterisk.
    """

    max_in_setup: int = 200
    carries_out_transfers: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be configured. `routing.warnings` tells what is allowed and probably not meant.

    Without `agi` there is no AGI door.
    """

    routing: RoutingSettings
    asterisk: AsteriskSettings
    storage: StorageSettings
    control: ControlSettings
    log: LogSettings
    calls: CallSettings
    agi: AgiSettings | None = None


def _ari_url(given: str) -> str:
    url = urlsplit(given)
    try:
        fits = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError('is no http or https address; write it as "http://127.0.0.1:8088"')
    if url.username is not None or url.password is not None:
        raise ValueError("holds a user or a password; give them as username and password")
    if url.query or url.fragment:
        raise ValueError("ends after the path; take away what follows ? or #")
    return given.rstrip("/").removesuffix("/ari")


def _app_name(given: str) -> str:
    if not _APP_NAME.fullmatch(given):
        raise ValueError("is the name in Stasis(): letters, digits, dot, dash and underscore, at most 64")
    return given


class AriSection(Section):
    """`asterisk.ari`."""

    url: Annotated[str, AfterValidator(_ari_url)] = "http://127.0.0.1:8088"
    username: str = Field(min_length=1)
    password: OwnSecret
    app: Annotated[str, AfterValidator(_app_name)] = "agi-router"
    request_timeout_s: float = Field(default=5.0, ge=0.5, le=60)
    heartbeat_s: float = Field(default=10.0, ge=1, le=300)
    request_sockets: int = Field(default=4, ge=0, le=32)


def _database_url(given: str) -> str:
    url = given if ":" in given else StorageSettings.at(Path(given)).url
    try:
        _ = StorageSettings(url).path
    except StorageError as error:
        raise ValueError(f"names no SQLite file, and nothing else can be used yet; {error.remedy}") from None
    return url


class AsteriskSection(Section):
    """`asterisk`."""

    ari: AriSection
    ami: AmiSection | None = None


class StorageSection(Section):
    """`storage`: `url` may also be just the name of a file."""

    url: Annotated[str, AfterValidator(_database_url)] = DEFAULT_DATABASE


class ControlSection(Section):
    """`control`; the socket stands next to the database unless it is named."""

    socket: str | None = Field(default=None, min_length=1)


class LogSection(Section):
    """`log`."""

    level: Level = "info"
    format: Format = "console"
    mask_numbers: bool = True


class CallsSection(Section):
    """`calls`."""

    max_in_setup: int = Field(default=200, ge=1, le=100_000)
    transfers: Literal["router", "asterisk"] = "router"


class ControlSections(Section):
    """What tells where the running router listens."""

    storage: StorageSection = StorageSection()
    control: ControlSection = ControlSection()


class AppSections(RoutingSections):
    """All top-level keys."""

    asterisk: AsteriskSection
    storage: StorageSection = StorageSection()
    control: ControlSection = ControlSection()
    log: LogSection = LogSection()
    calls: CallsSection = CallsSection()
    agi: AgiSection | None = None


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a file, or a folder of them. Raises ConfigError with every problem, each by file, line and key."""
    document = load_document(path, environment)
    sections = validate(document, AppSections)
    storage = _storage(document, sections.storage)
    return Settings(
        routing=routing_settings(document, sections),
        asterisk=_asterisk(document, sections.asterisk),
        storage=storage,
        control=_control(document, sections.control, storage),
        log=LogSettings(sections.log.level, sections.log.format, sections.log.mask_numbers),
        calls=CallSettings(sections.calls.max_in_setup, sections.calls.transfers == "router"),
        agi=None if sections.agi is None else sections.agi.settings(),
    )


def load_control(path: Path, environment: Mapping[str, str] = os.environ) -> ControlSettings:
    """Where the router with this configuration listens, found also when other sections have mistakes.

    Raises ConfigError when `storage` or `control` are wrong themselves, or can't be told apart from what is.
    """
    names = tuple(ControlSections.model_fields)
    try:
        document = load_document(path, environment)
    except ConfigError:
        salvaged = salvage(path, names)
        if salvaged is None:
            raise
        document = salvaged
    sections = validate(document.part(names), ControlSections)
    return _control(document, sections.control, _storage(document, sections.storage))


def socket_beside(storage: StorageSettings) -> Path:
    """Where the router listens that names no socket: the database is what makes one router differ from another."""
    return storage.path.with_name(f"{storage.path.name}.sock")


def _asterisk(document: Document, section: AsteriskSection) -> AsteriskSettings:
    ari = section.ari
    return AsteriskSettings(
        AriSettings(
            url=ari.url,
            username=ari.username,
            password=ari.password.get_secret_value(),
            app=ari.app,
            request_timeout_s=ari.request_timeout_s,
            heartbeat_s=ari.heartbeat_s,
            request_sockets=ari.request_sockets,
        ),
        None if section.ami is None else ami_settings(document, section.ami),
    )


def _storage(document: Document, section: StorageSection) -> StorageSettings:
    return StorageSettings.at(_absolute(document, StorageSettings(section.url).path))


def _control(document: Document, section: ControlSection, storage: StorageSettings) -> ControlSettings:
    socket = socket_beside(storage) if section.socket is None else _absolute(document, Path(section.socket))
    if len(os.fsencode(socket)) > LONGEST_PATH:
        message = f"{socket} is longer than the {LONGEST_PATH} bytes of a socket's name; name a shorter one here"
        raise ConfigError([Problem(document.position(("control", "socket")), "control.socket", message)])
    return ControlSettings(socket)


def _absolute(document: Document, path: Path) -> Path:
    return (document.directory / path).absolute()
