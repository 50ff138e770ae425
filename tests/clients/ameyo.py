"""Ameyo: click to dial, in every form that the page prints or that users are known to send."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from tests.clients.ameyo_outcomes import Outcome, outcome

COMMAND = "clickToDialWithToken"
# the sample URL's name for the same command, section 5.6
ALIAS = "clickToCallWithToken"
POLICY = "token-based-authorization-policy"
ENDPOINT = "/ameyowebaccess/command"


class AmeyoUnauthorisedError(Exception):
    """401 or 403: the page tells of neither, nor of what a wrong header gets."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body[:300]}")
        self.status = status
        self.body = body


class AmeyoTransportError(Exception):
    """A redirect, or a server error without an answer of either family."""


class RequestForm(Enum):
    """Where the command and its data travel; `data` below is percent-encoded JSON unless "raw"."""

    POST_FORM = "POST /command/?command=C, form: data"
    POST_FORM_WITH_COMMAND = "POST /command, form: command, data"
    POST_JSON = "POST /command/?command=C, JSON body"
    POST_QUERY = "POST /command/?command=C&data=, no body"
    GET_QUERY = "GET /command/?command=C&data="
    GET_QUERY_RAW = "GET /command/?command=C&data= raw"
    GET_PRINTED = "GET /command=C&data="
    GET_PRINTED_RAW = "GET /command=C&data= raw"
    POST_PRINTED = "POST /command=C&data=, no body"
    POST_PRINTED_RAW = "POST /command=C&data= raw, no body"


RAW_FORMS = (RequestForm.GET_QUERY_RAW, RequestForm.GET_PRINTED_RAW, RequestForm.POST_PRINTED_RAW)
PRINTED_FORMS = (
    RequestForm.GET_PRINTED,
    RequestForm.GET_PRINTED_RAW,
    RequestForm.POST_PRINTED,
    RequestForm.POST_PRINTED_RAW,
)


@dataclass(frozen=True)
class Manner:
    """How one user's code writes the request."""

    form: RequestForm = RequestForm.POST_FORM
    command: str = COMMAND
    # /command/?… as section 3 prints it, or /command?… as section 5.3; the printed form has none
    trailing_slash: bool = True
    # of the request's text; the page promises the answer in the same
    charset: str = "utf-8"

    @property
    def name(self) -> str:
        slash = "" if self.trailing_slash or self.form in PRINTED_FORMS else "_no_slash"
        return f"{self.form.name}_{self.command}{slash}"


@dataclass(frozen=True)
class Answer:
    http_status: int
    charset: str | None
    outcome: Outcome


@dataclass(frozen=True)
class Request:
    method: str
    # path and query, encoded exactly as it shall stand in the request line
    target: str
    body: bytes
    content_type: str | None


class AmeyoClient:
    """One CRM's server side; use it as `async with AmeyoClient(...) as client`."""

    def __init__(
        self,
        base_url: str,
        hash_key: str | None,
        requesting_host: str | None,
        policy_name: str | None = POLICY,
        *,
        tls: ssl.SSLContext | bool = True,
        # the answer comes when the call has come to something: two parties ring, one after the other
        patience: float = 180,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._hash_key = hash_key
        self._requesting_host = requesting_host
        self._policy_name = policy_name
        self._tls = tls
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers(),
            skip_auto_headers=["Content-Type"],
            timeout=aiohttp.ClientTimeout(total=self._patience),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def with_hash_key(self, hash_key: str | None) -> "AmeyoClient":
        """Return the same client with another key, or with none."""
        return self._with(hash_key, self._requesting_host, self._policy_name)

    def with_requesting_host(self, requesting_host: str | None) -> "AmeyoClient":
        return self._with(self._hash_key, requesting_host, self._policy_name)

    def with_policy_name(self, policy_name: str | None) -> "AmeyoClient":
        return self._with(self._hash_key, self._requesting_host, policy_name)

    async def click_to_dial(
        self,
        user_id: str,
        campaign_id: str,
        phone: str,
        *,
        additional_params: Mapping[str, str] | None = None,
        # users' code sends it as a boolean and as a string
        should_add_customer: bool | str | None = None,
        manner: Manner | None = None,
    ) -> Answer:
        data: dict[str, object] = {"userId": user_id, "campaignId": campaign_id, "phone": phone}
        if should_add_customer is not None:
            data["shouldAddCustomer"] = should_add_customer
        if additional_params is not None:
            data["additionalParams"] = dict(additional_params)
        return await self.command(data, manner or Manner())

    async def command(self, data: Mapping[str, object], manner: Manner) -> Answer:
        """Send any data, complete or not; a printed form has no slash to trail."""
        if self._session is None:
            raise RuntimeError("use the client as an async context manager")
        request = request_of(data, manner)
        headers = {} if request.content_type is None else {"Content-Type": request.content_type}
        async with self._session.request(
            request.method,
            URL(self._base_url + request.target, encoded=True),
            data=request.body or None,
            headers=headers,
            ssl=self._tls,
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            status, charset = answer.status, answer.charset
        text = body.decode(charset or manner.charset)
        if status in (401, 403):
            raise AmeyoUnauthorisedError(status, text)
        # a refused request may come with a 4xx: the page tells bodies, never a status
        if 300 <= status < 400 or status >= 500:
            raise AmeyoTransportError(f"{status}: {text[:300]}")
        return Answer(status, charset, outcome(text))

    def _headers(self) -> dict[str, str]:
        given = {
            "Hash-key": self._hash_key,
            "Requesting-host": self._requesting_host,
            "Policy-name": self._policy_name,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _with(self, hash_key: str | None, requesting_host: str | None, policy_name: str | None) -> "AmeyoClient":
        return AmeyoClient(
            self._base_url, hash_key, requesting_host, policy_name, tls=self._tls, patience=self._patience
        )


def request_of(data: Mapping[str, object], manner: Manner) -> Request:
    """Write one request as the chosen form has it."""
    # no space in it, so that the raw forms fit a request line
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    endpoint = ENDPOINT + ("/" if manner.trailing_slash else "")
    queried = f"{endpoint}?command={manner.command}"
    printed = f"{ENDPOINT}={manner.command}&data="
    encoded = quote(text, safe="", encoding=manner.charset)
    form = f"application/x-www-form-urlencoded{_charset(manner)}"
    match manner.form:
        case RequestForm.POST_FORM:
            return Request("POST", queried, b"data=" + encoded.encode(), form)
        case RequestForm.POST_FORM_WITH_COMMAND:
            fields = urlencode({"command": manner.command, "data": text}, encoding=manner.charset)
            return Request("POST", endpoint, fields.encode(), form)
        case RequestForm.POST_JSON:
            return Request("POST", queried, text.encode(manner.charset), f"application/json{_charset(manner)}")
        case RequestForm.POST_QUERY:
            return Request("POST", f"{queried}&data={encoded}", b"", None)
        case RequestForm.GET_QUERY:
            return Request("GET", f"{queried}&data={encoded}", b"", None)
        case RequestForm.GET_QUERY_RAW:
            return Request("GET", f"{queried}&data={_raw(text)}", b"", None)
        case RequestForm.GET_PRINTED:
            return Request("GET", printed + encoded, b"", None)
        case RequestForm.GET_PRINTED_RAW:
            return Request("GET", printed + _raw(text), b"", None)
        case RequestForm.POST_PRINTED:
            return Request("POST", printed + encoded, b"", None)
        case RequestForm.POST_PRINTED_RAW:
            return Request("POST", printed + _raw(text), b"", None)


def _charset(manner: Manner) -> str:
    return "" if manner.charset == "utf-8" else f"; charset={manner.charset}"


def _raw(text: str) -> str:
    """Return JSON as it may stand bare in a request line; a space or a `#` or `&` would cut it."""
    if not text.isascii() or any(sign in text for sign in " #&+%"):
        raise ValueError(f"cannot be sent bare: {text}")
    return text
