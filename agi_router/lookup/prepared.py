"""One request for one call: its bytes as they leave, and the same with its secrets masked, fit for a record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never
from urllib.parse import urlencode

from aiohttp import encode_basic_auth

from agi_router import __version__
from agi_router.lookup.masking import MASK, masked_json, masked_pairs, masked_url, without_secrets
from agi_router.routing.auth import ApiKeyAuth, BasicAuth, BearerAuth, KeyPlace, NoAuth, OAuth2Auth
from agi_router.routing.decision import SentRequest
from agi_router.routing.route import JsonTemplate, Request, Scalar, Send
from agi_router.routing.template import Template, Values, as_is, in_header

LONGEST_RECORDED = 16_384
_JSON_RPC = Template.parse("2.0")
_CALL_ID = Template.parse("{{callId}}")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRequest:
    """What is sent; `record` is what is told about it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    record: SentRequest


def prepare(request: Request, values: Values, access_token: str = "") -> PreparedRequest:
    """The request of a route for the values of one call; `access_token` is that of OAuth 2.0."""
    secret_headers, secret_query = _credentials(request, access_token)
    told = without_secrets(request)
    return PreparedRequest(
        method=request.method,
        url=_url(request, values, secret_query),
        headers=_headers(request, values, secret_headers),
        body=_body(request, values),
        record=SentRequest(
            method=request.method,
            url=masked_url(_url(told, values, [(name, MASK) for name, _ in secret_query])),
            headers=dict(masked_pairs(_headers(told, values, dict.fromkeys(secret_headers, MASK)).items())),
            body=_told_body(told, values)[:LONGEST_RECORDED],
        ),
    )


def _url(request: Request, values: Values, credentials: Pairs) -> str:
    query = _pairs(request.fields, values) if request.send is Send.QUERY else []
    return request.url.render(values, [*query, *credentials])


def _headers(request: Request, values: Values, credentials: Mapping[str, str]) -> dict[str, str]:
    own = {"Accept": "application/json, text/plain;q=0.9, */*;q=0.5", "User-Agent": f"agi-router/{__version__}"}
    configured: Mapping[str, Template | Scalar] = request.headers
    match request.send:
        case Send.QUERY:
            pass
        case Send.HEADERS:
            configured = {**request.headers, **request.fields}
        case Send.FORM:
            own["Content-Type"] = "application/x-www-form-urlencoded"
        case Send.JSON | Send.JSON_RPC:
            own["Content-Type"] = "application/json"
        case _:
            assert_never(request.send)
    return _merged(own, _header_fields(configured, values), credentials)


def _body(request: Request, values: Values) -> bytes | None:
    match request.send:
        case Send.QUERY | Send.HEADERS:
            return None
        case Send.FORM:
            return urlencode(_pairs(request.fields, values)).encode()
        case Send.JSON | Send.JSON_RPC:
            return json.dumps(_rendered(_document(request), values)).encode()
        case _:
            assert_never(request.send)


def _told_body(told: Request, values: Values) -> str:
    match told.send:
        case Send.QUERY | Send.HEADERS:
            return ""
        case Send.FORM:
            return urlencode(masked_pairs(_pairs(told.fields, values)), safe="*")
        case Send.JSON | Send.JSON_RPC:
            return json.dumps(masked_json(_rendered(_document(told), values)), ensure_ascii=False)
        case _:
            assert_never(told.send)


def _credentials(request: Request, access_token: str) -> tuple[dict[str, str], Pairs]:
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
        case OAuth2Auth():
            return {"Authorization": f"Bearer {access_token}"}, []
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
