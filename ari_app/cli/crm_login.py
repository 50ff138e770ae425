"""`agi-router crm login`: asks what the configuration does not give, tries it, and has it kept sealed."""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer
from rich.text import Text

from agi_router.document.problems import suggestion
from agi_router.lookup.grants import ShortMemory
from agi_router.routing.errors import Failure, RoutingError
from ari_app.app.crm import crm_memory
from ari_app.calls.clock import now
from ari_app.cli.crm_named import connector_named, pairs
from ari_app.cli.outcome import CommandError, Status
from ari_app.cli.output import console, errors, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.crm.access import access_of
from ari_app.crm.authorization import Authorization
from ari_app.crm.callback import Callback, listening
from ari_app.crm.connector import Connector
from ari_app.crm.document import Flow, OAuth2Login, Property, PropertyType, oauth2_login, with_defaults
from ari_app.crm.lane import open_lane
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.crm import HookError, HookName
from ari_app.domain.crm_login import Login
from ari_app.domain.wording import printable
from ari_app.logs import LogSettings, set_up_logs
from ari_app.settings import Settings, load_control, load_settings
from ari_app.settings.crm_section import property_problem

PATIENCE_S: Final = 600.0
"""So long the browser may take."""
USERS_S: Final = 30.0
_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`properties` were given as options; `is_checked`: the CRM is asked for its users before anything is kept."""

    properties: Mapping[str, str]
    is_checked: bool = True


def log_in(config: Path, name: str, given: list[str] | None, *, unchecked: bool, as_json: bool) -> None:
    """Raises CommandError, ControlError, StorageError."""
    set_up_logs(LogSettings(level="error"))
    settings = load_settings(config)
    connector = connector_named(settings, name)
    wanted = Wanted(properties=pairs(given, "--property"), is_checked=not unchecked)
    earlier = asyncio.run(_earlier(settings, name))
    properties = _asked(connector, wanted.properties, {} if earlier is None else earlier.properties)
    login, users = asyncio.run(_login(settings, connector, properties, wanted))
    told = _kept(config, settings, login)
    if as_json:
        print_json({"name": name, "users": users, "connector": told or None})
        return
    if users is not None:
        seen = f"{users} user{'' if users == 1 else 's'}"
        console().print(Text(f"{connector.document.name} lets the router in: {seen} on its first page"))
    console().print(Text(f"{name} is logged in", style="bold green"))
    if told is not None and not told:
        console().print(Text(f"The running router does not have {name} yet: restart it", style="yellow"))


def log_out(config: Path, name: str) -> None:
    """Raises CommandError, ControlError, StorageError."""
    set_up_logs(LogSettings(level="error"))
    try:
        ask(load_control(config), "crm_logout", arguments={"name": name})
    except NoRouterError:
        settings = load_settings(config)
        connector_named(settings, name)
        asyncio.run(_forgotten(settings, name))
    console().print(Text(f"{printable(name)} is logged out: what was given at its login is forgotten"))


async def _earlier(settings: Settings, name: str) -> Login | None:
    async with crm_memory(settings) as (logins, _):
        return next((login for login in await logins.all() if login.connector == name), None)


async def _forgotten(settings: Settings, name: str) -> None:
    async with crm_memory(settings) as (logins, _):
        await logins.forget(name)


def _kept(config: Path, settings: Settings, login: Login) -> Mapping[str, Any] | None:
    """By the running router, which goes on with it at once; None: by this command, as none runs.

    Nothing is told of a CRM that the running router does not have yet.
    """
    arguments = {
        "name": login.connector,
        "properties": dict(login.properties),
        "refresh_token": login.refresh_token,
        "access_token": login.access_token,
    }
    try:
        return ask(load_control(config), "crm_login", arguments=arguments)
    except NoRouterError:
        asyncio.run(_kept_alone(settings, login))
        return None


async def _kept_alone(settings: Settings, login: Login) -> None:
    async with crm_memory(settings) as (logins, _):
        await logins.keep(login)


def _asked(connector: ConnectorSettings, given: Mapping[str, str], earlier: Mapping[str, str]) -> dict[str, str]:
    """The properties that the configuration does not give. Raises CommandError."""
    known = {each.name: each for each in connector.document.properties}
    for name, value in given.items():
        if name not in known:
            raise CommandError(
                f'"{printable(name)}" is no property of {connector.document.name}{suggestion(name, list(known))}',
                "See agi-router crm check with the document's name.",
                Status.USAGE,
            )
        if connector.properties.get(name):
            raise CommandError(
                f"{printable(name)} stands in the configuration, which goes first",
                f"Take it away there (crm.{connector.name}.properties), or leave it out here.",
                Status.USAGE,
            )
        if problem := property_problem(known[name], value):
            raise CommandError(f"{printable(name)} {problem}", "Give it again.", Status.USAGE)
    open_ones = [each for each in known.values() if not connector.properties.get(each.name)]
    return {
        each.name: value
        for each in open_ones
        if (value := given.get(each.name) or _answer(each, earlier.get(each.name, "")))
    }


def _answer(asked: Property, earlier: str) -> str:
    if not sys.stdin.isatty():
        if earlier or asked.default or not asked.is_required:
            return earlier
        raise CommandError(
            f"{asked.name} is missing, and nobody can be asked for it here",
            f'Give it: --property "{asked.name}={"@FILE" if asked.is_secret else "VALUE"}"; or run the command in a '
            "terminal.",
            Status.USAGE,
        )
    if asked.hint:
        errors.print(Text(printable(asked.hint), style="dim"))
    label = printable(asked.label or asked.name)
    if asked.type is PropertyType.SELECT and asked.options:
        label += f" ({', '.join(asked.options)})"
    while True:
        value = _typed(asked, label, earlier)
        problem = property_problem(asked, value) if value else ""
        if not problem and (value or not asked.is_required):
            return value
        errors.print(Text(f"{label} {problem or 'is needed'}", style="yellow"))


def _typed(asked: Property, label: str, earlier: str) -> str:
    if asked.is_secret:
        note = " (Enter keeps the one from before)" if earlier else ""
        typed = typer.prompt(f"{label}{note}", default="", show_default=False, hide_input=True, err=True)
        return str(typed).strip() or earlier
    default = earlier or asked.default
    return str(typer.prompt(label, default=default, show_default=bool(default), err=True)).strip()


async def _login(
    settings: Settings, connector: ConnectorSettings, properties: Mapping[str, str], wanted: Wanted
) -> tuple[Login, int | None]:
    """What is to be kept, and how many users the CRM showed. Raises CommandError."""
    login = Login(connector=connector.name, properties=properties, at=now())
    filled = with_defaults(connector.document, access_of(connector, login).properties)
    oauth = oauth2_login(connector.document.auth, filled)
    on_trial = login
    if oauth is not None and oauth.flow is Flow.AUTHORIZATION_CODE:
        try:
            login, on_trial = await _consented(settings, connector, oauth, login)
        except RoutingError as error:
            raise CommandError(error.failure.message, error.failure.remedy) from None
    return login, await _tried(settings, connector, on_trial) if wanted.is_checked else None


async def _consented(
    settings: Settings, connector: ConnectorSettings, oauth: OAuth2Login, login: Login
) -> tuple[Login, Login]:
    """The login to keep, and the one to try: a refresh token is taken once, so the trial is not to use it."""
    async with listening(connector.login) as callback:
        authorization = Authorization(oauth, callback.settings.redirect_uri)
        callback.expect(authorization.code_of)
        _show(authorization, callback.why_not)
        with _pasted_to(callback):
            code = await _waited(callback)
    async with open_lane(settings.routing.guard, connector.ca_file) as lane:
        tokens = await authorization.tokens(code, connector, lane)
    if not tokens.refresh_token and tokens.lives_s is not None:
        _warn(
            f"The CRM gave no refresh token: this login ends in {tokens.lives_s / 60:.0f} minutes. "
            "The scope that brings one is often called offline_access."
        )
    kept_token = "" if tokens.refresh_token else tokens.access_token
    return (
        replace(login, refresh_token=tokens.refresh_token, access_token=kept_token),
        replace(login, access_token=tokens.access_token),
    )


def _show(authorization: Authorization, why_not: str) -> None:
    errors.print(Text("Open this page in a browser, and allow what the CRM asks for:"))
    errors.print(Text(authorization.url()), soft_wrap=True)
    errors.print(
        Text(
            f"It comes back to {authorization.redirect_uri}, which the CRM has to know as redirect URI. Where the "
            "browser runs on another computer, that page does not load: paste its whole address here, and press Enter."
        ),
        soft_wrap=True,
    )
    if why_not:
        _warn(f"Nothing can listen there ({why_not}), so the address has to be pasted. Or set login.callback_port.")


async def _waited(callback: Callback) -> str:
    """Raises CommandError, and RoutingError when the CRM gives no code."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await callback.code
    except TimeoutError:
        raise CommandError("nobody has come back from the CRM in time", "Log in again.") from None


@contextmanager
def _pasted_to(callback: Callback) -> Iterator[None]:
    """What somebody pastes into the terminal is taken for the address that the browser came back to."""

    def read() -> None:
        line = sys.stdin.readline()
        if not line:  # its end
            loop.remove_reader(sys.stdin.fileno())
        elif line.strip() and (error := callback.take(line)) is not None:
            _warn(f"{error.failure.message}: {error.failure.remedy}")

    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(sys.stdin.fileno(), read)
    except (OSError, ValueError):  # a file, or nothing at all: nobody can paste
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin.fileno())


async def _tried(settings: Settings, connector: ConnectorSettings, login: Login) -> int:
    """How many users the first page has. Raises CommandError when the CRM lets nobody in, or cannot be asked."""
    async with Connector(connector, settings.routing.guard, ShortMemory(), login) as crm:
        try:
            values = {"now": now().isoformat(timespec="seconds")}
            answer = await crm.run(HookName.USERS, values, deadline_s=USERS_S)
        except HookError as error:
            if error.status in _REFUSED or error.failure.code == "oauth_refused":
                raise CommandError(
                    f"{crm.title} does not let the router in: {error.failure.message}",
                    f"{_besides(error.failure)}Nothing was kept; give other credentials: "
                    f"agi-router crm login {connector.name}",
                ) from None
            raise CommandError(
                f"{crm.title} could not be asked for its users: {error.failure.message}",
                f"{error.failure.remedy}. Nothing was kept; with --unchecked it is, whatever the CRM says.",
            ) from None
    return len(answer.records)


def _besides(failure: Failure) -> str:
    """What is to be done besides logging in with other credentials."""
    return "" if failure.code == "crm_unauthorised" else f"{failure.remedy}. "


def _warn(text: str) -> None:
    errors.print(Text(printable(text), style="yellow"), soft_wrap=True)
