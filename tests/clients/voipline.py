"""VoIPline: the calls of users, queues and ring groups, and a call to a number.

VoiplineError
├── VoiplineUnauthorised   401: wrong key, or an address that is not listed
└── VoiplineRefused        any other answer that is not a 200
"""

import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import Literal, Self, TypeVar

import aiohttp

from tests.clients import strict
from tests.clients.voipline_rows import GroupCall, PlacedCall, UserCall, group_call, placed_call, user_call

SortBy = Literal["newest_first", "oldest_first"]
Row = TypeVar("Row")
PATH = "/api/integration/v1/"


class VoiplineError(Exception):
    """The system answered, and not with what was asked for."""


class VoiplineUnauthorised(VoiplineError):
    """401, "Not authorised"."""


class VoiplineRefused(VoiplineError):
    """Any other refusal; the pages show none, so its body is kept as text."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:300]}")
        self.status = status
        self.body = body


class ListForm(Enum):
    """How several names travel in one filter: the pages do not say."""

    COMMA = "name=a,b"
    REPEATED = "name=a&name=b"
    BRACKETS = "name[]=a&name[]=b"


class BodyForm(Enum):
    JSON = "json"
    MULTIPART = "multipart"


class VoiplineClient:
    """One account's key; use it as `async with VoiplineClient(base_url, token) as client`."""

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        # no page names it; see NOTES.md
        user_filter: str = "users_names",
        list_form: ListForm = ListForm.COMMA,
        tls: ssl.SSLContext | bool = True,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._user_filter = user_filter
        self._list_form = list_form
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        headers = {} if self._token is None else {"token": self._token}
        self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def with_token(self, token: str | None) -> "VoiplineClient":
        """Return the same client with another key, or with none."""
        return VoiplineClient(
            self._base_url, token, user_filter=self._user_filter, list_form=self._list_form, tls=self._tls
        )

    def with_list_form(self, list_form: ListForm) -> "VoiplineClient":
        return VoiplineClient(
            self._base_url, self._token, user_filter=self._user_filter, list_form=list_form, tls=self._tls
        )

    async def get_user_calls(
        self,
        *,
        users: Sequence[str] = (),
        sort_by: SortBy | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        unique_call_id: str | None = None,
    ) -> list[UserCall]:
        params = _params(sort_by, from_date, to_date, offset, limit, unique_call_id)
        return await self._rows("get-user-calls", params + self._names(self._user_filter, users), user_call)

    async def get_user_calls_by(self, params: Mapping[str, str]) -> list[UserCall]:
        """Send any parameters, right or wrong."""
        return await self._rows("get-user-calls", list(params.items()), user_call)

    async def get_queue_calls(
        self,
        *,
        queues: Sequence[str] = (),
        sort_by: SortBy | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        unique_call_id: str | None = None,
    ) -> list[GroupCall]:
        params = _params(sort_by, from_date, to_date, offset, limit, unique_call_id)
        names = self._names("queues_names", queues)
        return await self._rows("get-queue-calls", params + names, lambda row: group_call(row, "queue_name"))

    async def get_ringgroup_calls(
        self,
        *,
        ring_groups: Sequence[str] = (),
        sort_by: SortBy | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        unique_call_id: str | None = None,
    ) -> list[GroupCall]:
        params = _params(sort_by, from_date, to_date, offset, limit, unique_call_id)
        names = self._names("ringgroups_names", ring_groups)
        return await self._rows("get-ringgroup-calls", params + names, lambda row: group_call(row, "ring_group_name"))

    async def call_to_number(
        self,
        user_number: str,
        number_to_call: str,
        caller_id: str | None = None,
        *,
        body_form: BodyForm = BodyForm.JSON,
    ) -> PlacedCall:
        """Ring the user, who sees the destination as the caller; then ring the destination."""
        body = {"user_number": user_number, "number_to_call": number_to_call}
        if caller_id is not None:
            body["caller_id"] = caller_id
        return placed_call(strict.document(await self._post("call-to-number", body, body_form)))

    def _names(self, parameter: str, names: Sequence[str]) -> list[tuple[str, str]]:
        if not names:
            return []
        match self._list_form:
            case ListForm.COMMA:
                return [(parameter, ",".join(names))]
            case ListForm.REPEATED:
                return [(parameter, name) for name in names]
            case ListForm.BRACKETS:
                return [(f"{parameter}[]", name) for name in names]

    async def _rows(self, request: str, params: list[tuple[str, str]], read: Callable[[object], Row]) -> list[Row]:
        async with self._open.get(
            self._base_url + PATH + request, params=params, ssl=self._tls, allow_redirects=False
        ) as answer:
            envelope = strict.fields(strict.document(await _accepted(answer)), request, {"code", "data"})
        return [read(row) for row in strict.array(envelope["data"], f"{request}: data")]

    async def _post(self, request: str, body: Mapping[str, str], body_form: BodyForm) -> str:
        data: aiohttp.FormData | bytes
        headers = {}
        if body_form is BodyForm.MULTIPART:
            data = aiohttp.FormData(dict(body), default_to_multipart=True)
        else:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        # a redirected POST becomes a GET in most clients: a redirect counts as a refusal
        async with self._open.post(
            self._base_url + PATH + request, data=data, headers=headers, ssl=self._tls, allow_redirects=False
        ) as answer:
            return await _accepted(answer)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        return self._session


def _params(
    sort_by: str | None,
    from_date: str | None,
    to_date: str | None,
    offset: int | None,
    limit: int | None,
    unique_call_id: str | None,
) -> list[tuple[str, str]]:
    given = {
        "sort_by": sort_by,
        "from_date": from_date,
        "to_date": to_date,
        "offset": offset,
        "limit": limit,
        "unique_call_id": unique_call_id,
    }
    return [(name, str(value)) for name, value in given.items() if value is not None]


async def _accepted(answer: aiohttp.ClientResponse) -> str:
    text = await answer.text()
    if answer.status == 401:
        raise VoiplineUnauthorised(text)
    if answer.status != 200:
        raise VoiplineRefused(answer.status, text)
    if answer.content_type != "application/json":
        raise strict.WrongShapeError(f"content type {answer.content_type!r}")
    envelope = strict.any_fields(strict.document(text), "answer", {"code"})
    code = strict.integer(envelope["code"], "code")
    # HTTP 200 around another code is a refusal all the same
    if code == 401:
        raise VoiplineUnauthorised(text)
    if code != 200:
        raise VoiplineRefused(code, text)
    return text
