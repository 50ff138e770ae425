"""One request for one call: its bytes as they leave, and the same with its secrets masked, fit for a record."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never
from urllib.parse import urlencode

from aiohttp import encode_basic_auth

from agi_router import __version__
from agi_router.routing.auth import ApiKeyAuth, BasicAuth, BearerAuth, KeyPlace, NoAuth
from agi_router.routing.decision import SentRequest
from agi_router.routing.route import JsonTemplate, Request, Scalar, Send
from agi_router.routing.template import Template, Values, as_is, in_header

MASK = "***"
LONGEST_RECORDED = 16_384
_JSON_RPC = Template.parse("2.0")
_CALL_ID = Template.parse("{{callId}}")
_SECRET_NAME = re.compile(
    r"authorization|cookie|token|secret|passw|pwd|credential|signature|hapikey"
    r"|(api|access|auth|client|private|session|subscription)[-_]?key",
    re.IGNORECASE,
)

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRequest:
    """What is sent; `record` is what is told about it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    record: SentRequest


def prepare(request: Request, values: Values) -> PreparedRequest:
    """The request of a route for the values of one call."""
    headers = {"Accept": "application/json, text/plain;q=0.9, */*;q=0.5", "User-Agent": f"agi-router/{__version__}"}
    configured: Mapping[str, Template | Scalar] = request.headers
    body: bytes | None = None
    recorded_body = ""
    query: Pairs = []
    match request.send:
        case Send.QUERY:
            query = _pairs(request.fields, values)
        case Send.FORM:
            fields = _pairs(request.fields, values)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body, recorded_body = urlencode(fields).encode(), urlencode(_masked_pairs(fields), safe="*")
        case Send.HEADERS:
            configured = {**request.headers, **request.fields}
        case Send.JSON | Send.JSON_RPC:
            document = _rendered(_document(request), values)
            headers["Content-Type"] = "application/json"
            body, recorded_body = json.dumps(document).encode(), json.dumps(_masked_json(document), ensure_ascii=False)
        case _:
            assert_never(request.send)
    secret_headers, secret_query = _credentials(request)
    headers = _merged(headers, _header_fields(configured, values), secret_headers)
    masked = {name: MASK if name in secret_headers or _SECRET_NAME.search(name) else headers[name] for name in headers}
    return PreparedRequest(
        method=request.method,
        url=request.url.render(values, [*query, *secret_query]),
        headers=headers,
        body=body,
        record=SentRequest(
            method=request.method,
            url=_masked_url(request.url.render(values, [*query, *((name, MASK) for name, _ in secret_query)])),
            headers=masked,
            body=recorded_body[:LONGEST_RECORDED],
        ),
    )


def _credentials(request: Request) -> tuple[dict[str, str], Pairs]:
    """The headers and the query fields by which the request shows who asks."""
    match request.auth:
        case NoAuth():
            return {}, []
        case BasicAuth() as auth:
            return {"Authorization": encode_basic_auth(auth.username, auth.password, "utf-8")}, []
        case BearerAuth() as auth:
            return {"Authorization": f"Bearer {auth.token}"}, []
        case ApiKeyAuth() as auth if auth.place is KeyPlace.HEADER:
            return {auth.name: auth.value}, []
        case ApiKeyAuth() as auth:
            return {}, [(auth.name, auth.value)]
        case _:
            assert_never(request.auth)


def _merged(*sources: Mapping[str, str]) -> dict[str, str]:
    """Later headers replace earlier ones, whatever the case of their names."""
    merged: dict[str, tuple[str, str]] = {}
    for source in sources:
        merged |= {name.lower(): (name, value) for name, value in source.items()}
    return dict(merged.values())


def _document(request: Request) -> JsonTemplate:
    """The JSON that is sent: of JSON-RPC 2.0 the request object (its section 4), without params if there are none."""
    given: JsonTemplate = {**request.fields} if request.body is None else request.body
    if request.send is not Send.JSON_RPC:
        return given
    call: dict[str, JsonTemplate] = {"jsonrpc": _JSON_RPC, "id": _CALL_ID, "method": Template((request.rpc_method,))}
    return call | ({"params": given} if given else {})


def _header_fields(fields: Mapping[str, Template | Scalar], values: Values) -> dict[str, str]:
    return {
        name: field.render(values, in_header).strip() if isinstance(field, Template) else _as_text(field)
        for name, field in fields.items()
    }


def _pairs(fields: Mapping[str, Template | Scalar], values: Values) -> Pairs:
    return [(name, _as_text(_rendered(field, values))) for name, field in fields.items()]


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case _:
            return json.dumps(value)


def _rendered(node: JsonTemplate, values: Values) -> Any:
    match node:
        case Template():
            return node.render(values, as_is)
        case dict():
            return {key: _rendered(item, values) for key, item in node.items()}
        case list():
            return [_rendered(item, values) for item in node]
        case _:
            return node


def _masked_pairs(pairs: Iterable[tuple[str, str]]) -> Pairs:
    return [(name, MASK if _SECRET_NAME.search(name) else value) for name, value in pairs]


def _masked_json(node: Any) -> Any:
    match node:
        case dict():
            return {key: MASK if _SECRET_NAME.search(key) else _masked_json(item) for key, item in node.items()}
        case list():
            return [_masked_json(item) for item in node]
        case _:
            return node


def _masked_url(url: str) -> str:
    address, separator, query = url.partition("?")
    fields = [
        f"{field.partition('=')[0]}={MASK}" if _SECRET_NAME.search(field.partition("=")[0]) else field
        for field in query.split("&")
    ]
    return address + separator + "&".join(fields)
