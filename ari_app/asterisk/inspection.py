"""What a diagnosis asks of Asterisk. Everything here only reads; the few functions that need a channel take a probe."""

import errno
import json
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from time import monotonic
from typing import Any

import aiohttp

from ari_app.asterisk.client import CONNECT_TIMEOUT_S, AriClient
from ari_app.asterisk.events import UNWANTED
from ari_app.asterisk.probe import Probe
from ari_app.asterisk.settings import AriSettings
from ari_app.calls.ports import NotFoundError, RefusedError


class Trouble(Enum):
    """Why ARI can't be asked."""

    UNRESOLVED = auto()
    REFUSED = auto()
    TIMEOUT = auto()
    UNTRUSTED = auto()
    BROKEN = auto()
    UNAUTHORIZED = auto()
    NO_ARI = auto()
    OTHER_SERVER = auto()


class UnreachedError(Exception):
    """ARI can't be asked; the text is what was seen."""

    def __init__(self, trouble: Trouble, seen: str) -> None:
        super().__init__(seen)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Greeting:
    """ARI's first answer. `clock_ahead_s` is how far Asterisk's clock is before ours; None when it did not tell."""

    elapsed_ms: float
    clock_ahead_s: float | None


@dataclass(frozen=True, slots=True)
class Application:
    """The router's application as Asterisk sees it; `unwanted` are the types of events that it still sends."""

    unwanted: frozenset[str]
    allows_only: frozenset[str]


async def greet(settings: AriSettings) -> Greeting:
    """The first question, sent so that each way to fail can be told from the others. Raises UnreachedError."""
    timeout = aiohttp.ClientTimeout(total=settings.request_timeout_s, sock_connect=CONNECT_TIMEOUT_S)
    authorization = aiohttp.encode_basic_auth(settings.username, settings.password, encoding="utf-8")
    started, asked_at = monotonic(), datetime.now(UTC)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"Authorization": authorization}) as session,
            session.get(f"{settings.url}/ari/asterisk/ping", allow_redirects=False) as response,
        ):
            answer = _json_object(await response.read())
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise UnreachedError(_trouble(error), _seen(error)) from error
    elapsed_s = monotonic() - started
    match response.status, answer:
        case 200, {"ping": "pong"}:
            return Greeting(elapsed_s * 1000, _clock_ahead_s(answer, asked_at, elapsed_s))
        case 401 | 403, _:
            raise UnreachedError(Trouble.UNAUTHORIZED, f"{response.status} {response.reason}")
        case 404, {"message": _}:  # ARI is there, and only its part for this question is not
            return Greeting(elapsed_s * 1000, None)
        case 404, _ if response.headers.get("Server", "").startswith("Asterisk"):
            raise UnreachedError(Trouble.NO_ARI, "404")
        case _:
            raise UnreachedError(Trouble.OTHER_SERVER, f"{response.status} {response.reason}")


def _trouble(error: Exception) -> Trouble:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Trouble.UNRESOLVED
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Trouble.UNTRUSTED
        case TimeoutError():
            return Trouble.TIMEOUT
        case aiohttp.ClientConnectorError():
            return Trouble.REFUSED
        case _:
            return Trouble.BROKEN


def _seen(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
        return os.strerror(cause.errno)  # asyncio's own words repeat the address
    return str(cause) or type(cause).__name__


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _clock_ahead_s(answer: Mapping[str, Any], asked_at: datetime, elapsed_s: float) -> float | None:
    """Asterisk read its clock somewhere between question and answer: half of that time is the best guess."""
    try:
        told = datetime.fromisoformat(str(answer["timestamp"]))
    except (KeyError, ValueError):
        return None
    return (told - asked_at).total_seconds() - elapsed_s / 2


class Inspection:
    """Questions over an open client. All raise a TelephonyError; NotFoundError where Asterisk has no such part."""

    def __init__(self, client: AriClient) -> None:
        self._ari: Any = client.swagger

    async def version(self) -> str:
        """Such as "22.10.1" or "GIT-22-1a2b3c"."""
        answer = await self._ari.asterisk.getInfo(only="system")
        return str((await answer.json())["system"]["version"])

    async def modules(self) -> Mapping[str, bool]:
        """The loaded modules, and whether each of them runs."""
        answer = await self._ari.asterisk.listModules()
        return {module["name"]: module["status"] == "Running" for module in await answer.json()}

    async def application(self, name: str) -> Application | None:
        """The application of a connected router; None when there is none."""
        try:
            told = await (await self._ari.applications.get(applicationName=name)).json()
        except NotFoundError:
            return None
        silenced = {event["type"] for event in told.get("events_disallowed", ())}
        allowed = frozenset(event["type"] for event in told.get("events_allowed", ()))
        return Application(frozenset(UNWANTED) - silenced, allowed)

    async def recordings_fail(self) -> bool:
        """Whether Asterisk can't read its folder of recordings."""
        try:
            await self._ari.recordings.listStored()
        except NotFoundError:
            raise
        except RefusedError:
            return True
        return False


@asynccontextmanager
async def inspecting(settings: AriSettings) -> AsyncIterator[Inspection]:
    """Open for the time of the block. Raises a TelephonyError."""
    client = AriClient(settings)
    try:
        await client.open()
        yield Inspection(client)
    finally:
        await client.close()


async def has_extension(probe: Probe, context: str, extension: str) -> bool:
    """Whether the dialplan has this extension's first line. Raises RefusedError without func_dialplan.so."""
    return await probe.read(f"DIALPLAN_EXISTS({context},{extension},1)") == "1"
