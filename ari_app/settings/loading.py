"""Reads the file, and says what it means."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agi_router.document import ConfigError, Document, Problem, load_document, salvage, validate
from agi_router.settings import routing_settings
from ari_app.asterisk.ami_section import ami_settings
from ari_app.asterisk.settings import AriSettings
from ari_app.control.settings import LONGEST_PATH, ControlSettings
from ari_app.logs import LogSettings
from ari_app.settings.crm_routes import check_deciding
from ari_app.settings.crm_section import crm_settings
from ari_app.settings.history_section import history_settings
from ari_app.settings.model import AsteriskSettings, CallSettings, Settings
from ari_app.settings.recordings_section import recording_settings
from ari_app.settings.sections import AppSections, AsteriskSection, ControlSection, ControlSections, StorageSection
from ari_app.settings.web_section import web_settings
from ari_app.settings.webhooks_section import webhook_settings
from ari_app.storage.settings import DEFAULT_FOLDER, RetentionSettings, StorageSettings


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a file, or a folder of them. Raises ConfigError with every problem, each by file, line and key."""
    document = load_document(path, environment)
    sections = validate(document, AppSections)
    storage, retention = _storage(document, sections.storage), _retention(document, sections.storage)
    crm = crm_settings(document, sections.crm)
    routing = routing_settings(document, sections, tuple(sections.crm))
    check_deciding(document, routing.routes, crm)
    return Settings(
        routing=routing,
        asterisk=_asterisk(document, sections.asterisk),
        storage=storage,
        retention=retention,
        control=_control(document, sections.control, storage),
        log=LogSettings(sections.log.level, sections.log.format, sections.log.mask_numbers),
        calls=CallSettings(sections.calls.max_in_setup, sections.calls.transfers == "router"),
        recordings=recording_settings(document, sections.recordings, storage, retention),
        agi=None if sections.agi is None else sections.agi.settings(),
        web=None if sections.web is None else web_settings(document, sections.web),
        history=history_settings(document, sections.history, has_ami=sections.asterisk.ami is not None),
        webhooks=webhook_settings(document, sections.webhooks),
        crm=crm,
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
    return storage.beside(".sock")


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
        section.messages,
    )


def _storage(document: Document, section: StorageSection) -> StorageSettings:
    given = StorageSettings(section.url)
    if given.is_postgresql:
        folder = DEFAULT_FOLDER if section.folder is None else _absolute(document, Path(section.folder))
        return replace(given, folder=folder)
    if section.folder is not None:
        message = "is for a database on a server; what belongs to an SQLite file stands beside it: leave this out"
        raise ConfigError([Problem(document.position(("storage", "folder")), "storage.folder", message)])
    return StorageSettings.at(_absolute(document, StorageSettings(section.url).path))


def _retention(document: Document, section: StorageSection) -> RetentionSettings:
    keep, mask = section.keep_days, section.mask_numbers_after_days
    if keep is not None and mask is not None and keep <= mask:
        message = (
            f"a call is deleted after {keep} days (keep_days), and would never be masked: leave this out, or lower it"
        )
        at = document.position(("storage", "mask_numbers_after_days"))
        raise ConfigError([Problem(at, "storage.mask_numbers_after_days", message)])
    return RetentionSettings(keep, mask)


def _control(document: Document, section: ControlSection, storage: StorageSettings) -> ControlSettings:
    socket = socket_beside(storage) if section.socket is None else _absolute(document, Path(section.socket))
    if len(os.fsencode(socket)) > LONGEST_PATH:
        message = f"{socket} is longer than the {LONGEST_PATH} bytes of a socket's name; name a shorter one here"
        raise ConfigError([Problem(document.position(("control", "socket")), "control.socket", message)])
    return ControlSettings(socket)


def _absolute(document: Document, path: Path) -> Path:
    return (document.directory / path).absolute()
