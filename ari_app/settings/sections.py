"""The sections of the file that are the application's own; routing's are in `agi_router.settings`."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from agi_router.document import Section
from agi_router.settings import RoutingSections
from agi_router.settings.agi_section import AgiSection
from ari_app.asterisk.ami_section import AmiSection
from ari_app.asterisk.own_secret import OwnSecret
from ari_app.logs import Format, Level
from ari_app.settings.crm_section import CrmSection
from ari_app.settings.history_section import HistorySection
from ari_app.settings.recordings_section import RecordingsSection
from ari_app.settings.web_section import WebSection
from ari_app.settings.webhooks_section import WebhooksSection
from ari_app.storage.errors import StorageError
from ari_app.storage.settings import StorageSettings

DEFAULT_DATABASE = "sqlite:////var/lib/agi-router/agi-router.db"

_APP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


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
        _ = StorageSettings(url).name
    except StorageError as error:
        raise ValueError(f"names neither an SQLite file nor a PostgreSQL database; {error.remedy}") from None
    return url


class AsteriskSection(Section):
    """`asterisk`."""

    ari: AriSection
    ami: AmiSection | None = None
    messages: bool = True


class StorageSection(Section):
    """`storage`: `url` may also be just the name of a file; `folder` is for what a server does not keep."""

    url: Annotated[str, AfterValidator(_database_url)] = DEFAULT_DATABASE
    folder: str | None = Field(default=None, min_length=1)
    keep_days: int | None = Field(default=None, ge=1, le=36_500)
    mask_numbers_after_days: int | None = Field(default=None, ge=1, le=36_500)


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
    web: WebSection | None = None
    history: HistorySection = HistorySection()
    webhooks: WebhooksSection = WebhooksSection()
    recordings: RecordingsSection = RecordingsSection()
    crm: CrmSection = Field(default_factory=dict)
