"""Aircall: start a call for a user, and search calls as the routing guide does.

AircallError
├── AircallUnauthorised     401 or 403: wrong key
├── AircallNotFound         404: no such user
├── AircallUserUnavailable  405: the user cannot take a call now
└── AircallRefused          any other answer that is not the expected one
"""

import base64
import datetime as dt
import json
import re
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import aiohttp
from yarl import URL

from tests.clients import strict

# the guide's URL says `des`; the public API's own word is `desc`
Order = Literal["des", "desc", "asc"]
PATH_STEP = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]|\.")
META_FIELDS = ("count", "total", "current_page", "per_page", "next_page_link", "previous_page_link")


class AircallError(Exception):
    """An answer other than the expected one."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:300]}")
        self.status = status
        self.body = body


class AircallUnauthorised(AircallError):
    """401 or 403."""


class AircallNotFound(AircallError):
    """404."""


class AircallUserUnavailable(AircallError):
    """405."""


class AircallRefused(AircallError):
    """Anything else."""


class PathLeadsNowhereError(Exception):
    """The widget's path does not lead to a value in this answer: the routing step fails."""


@dataclass(frozen=True)
class Call:
    """The part of a call that the guide relies on, and what tells the order of calls."""

    id: int
    started_at: int
    direction: str
    user_id: int | None


@dataclass(frozen=True)
class Page:
    count: int
    total: int
    current_page: int
    per_page: int
    next_page_link: str | None
    previous_page_link: str | None
    calls: tuple[Call, ...]
    # the answer as it came, for the guide's path
    document: object


class AircallClient:
    """One API key; use it as `async with AircallClient(base_url, api_id, api_token) as client`."""

    def __init__(self, base_url: str, api_id: str, api_token: str, *, tls: ssl.SSLContext | bool = True) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_id = api_id
        self._api_token = api_token
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": _basic(self._api_id, self._api_token)},
            timeout=aiohttp.ClientTimeout(total=30),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def with_token(self, api_token: str) -> "AircallClient":
        return AircallClient(self._base_url, self._api_id, api_token, tls=self._tls)

    async def start_call(self, user_id: int, number_id: int, to: str) -> None:
        """Have the user call out from one of the account's numbers; success has no body."""
        body = json.dumps({"number_id": number_id, "to": to}).encode()
        async with self._open.post(
            f"{self._base_url}/v1/users/{user_id}/calls",
            data=body,
            headers={"Content-Type": "application/json"},
            ssl=self._tls,
            allow_redirects=False,
        ) as answer:
            text = await _answered(answer, 204)
        if text:
            raise strict.WrongShapeError(f"a 204 with a body: {text[:300]!r}")

    async def search_calls(
        self,
        *,
        phone_number: str | None = None,
        order: Order | None = None,
        page: int | None = None,
        per_page: int | None = None,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
    ) -> Page:
        given = {
            "order": order,
            "phone_number": phone_number,
            "page": page,
            "per_page": per_page,
            "from": None if since is None else int(since.timestamp()),
            "to": None if until is None else int(until.timestamp()),
        }
        params = {name: str(value) for name, value in given.items() if value is not None}
        return await self._search(URL(f"{self._base_url}/v1/calls/search").with_query(params))

    async def search_as_printed(self, caller_number: str) -> Page:
        """Send the guide's URL with the number put in as it is: a `+` stays a `+`."""
        target = f"/v1/calls/search?order=des&phone_number={caller_number}"
        return await self._search(URL(self._base_url + target, encoded=True))

    async def follow(self, link: str) -> Page:
        """Get a page by the link of its neighbour, which the key may only go to on this system."""
        if URL(link).origin() != URL(self._base_url).origin():
            raise strict.WrongShapeError(f"the link leads away: {link}")
        return await self._search(URL(link, encoded=True))

    async def _search(self, url: URL) -> Page:
        async with self._open.get(url, ssl=self._tls, allow_redirects=False) as answer:
            text = await _answered(answer, 200)
            if answer.content_type != "application/json":
                raise strict.WrongShapeError(f"content type {answer.content_type!r}")
        return page_of(strict.document(text))

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        return self._session


def value_at(document: object, path: str) -> object:
    """Follow a path of the routing widget, such as `calls[0].user.id`."""
    value, end = document, 0
    for step in PATH_STEP.finditer(path):
        if step.start() != end:
            raise ValueError(f"not a path: {path!r}")
        end = step.end()
        name, index = step.groups()
        if name is not None:
            if not isinstance(value, dict) or name not in value:
                raise PathLeadsNowhereError(f"{path}: no {name!r} in {str(value)[:200]}")
            value = value[name]
        elif index is not None:
            if not isinstance(value, list) or int(index) >= len(value):
                raise PathLeadsNowhereError(f"{path}: no [{index}]")
            value = value[int(index)]
    if end != len(path):
        raise ValueError(f"not a path: {path!r}")
    return value


def page_of(value: object) -> Page:
    answer = strict.fields(value, "search", {"meta", "calls"})
    meta = strict.fields(answer["meta"], "meta", META_FIELDS)
    calls = tuple(_call(row) for row in strict.array(answer["calls"], "calls"))
    count = strict.integer(meta["count"], "meta: count")
    if count != len(calls):
        raise strict.WrongShapeError(f"meta: count {count} with {len(calls)} calls")
    return Page(
        count=count,
        total=strict.integer(meta["total"], "meta: total"),
        current_page=strict.integer(meta["current_page"], "meta: current_page"),
        per_page=strict.integer(meta["per_page"], "meta: per_page"),
        next_page_link=strict.string_or_null(meta["next_page_link"], "meta: next_page_link"),
        previous_page_link=strict.string_or_null(meta["previous_page_link"], "meta: previous_page_link"),
        calls=calls,
        document=value,
    )


def _call(value: object) -> Call:
    # the guide shows no whole call, so fields beyond those used are let pass
    row = strict.any_fields(value, "call", {"id", "started_at", "direction", "user"})
    direction = strict.string(row["direction"], "call: direction")
    if direction not in ("inbound", "outbound"):
        raise strict.WrongShapeError(f"call: direction {direction!r}")
    user_id = None
    if row["user"] is not None:
        user = strict.any_fields(row["user"], "call: user", {"id"})
        user_id = strict.integer(user["id"], "call: user: id")
    return Call(
        id=strict.integer(row["id"], "call: id"),
        started_at=strict.integer(row["started_at"], "call: started_at"),
        direction=direction,
        user_id=user_id,
    )


def _basic(api_id: str, api_token: str) -> str:
    return "Basic " + base64.b64encode(f"{api_id}:{api_token}".encode()).decode()


async def _answered(answer: aiohttp.ClientResponse, expected: int) -> str:
    text = await answer.text()
    if answer.status == expected:
        return text
    if answer.status in (401, 403):
        raise AircallUnauthorised(answer.status, text)
    if answer.status == 404:
        raise AircallNotFound(answer.status, text)
    if answer.status == 405:
        raise AircallUserUnavailable(answer.status, text)
    raise AircallRefused(answer.status, text)
