"""A request as it is configured, in words and JSON, without its secrets: variables stand as {{callerNumber}}."""

from typing import Any, assert_never

from agi_router.lookup.masking import masked_json, masked_pairs, masked_url, without_secrets
from agi_router.routing.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth, OAuth2Auth
from agi_router.routing.route import Request
from agi_router.routing.template import Secret, Template, Variable
from agi_router.routing.url_template import UrlTemplate


def described_url(url: UrlTemplate) -> str:
    """The URL; of a `Request` whose secrets were hidden."""
    query = _text(url.query)
    return masked_url(url.origin + _text(url.path) + (f"?{query}" if query else ""))


def described_request(request: Request) -> dict[str, Any]:
    """All of it but its credentials, of which only the kind is told."""
    told = without_secrets(request)
    headers = [(name, _text(header)) for name, header in told.headers.items()]
    return {
        "method": told.method,
        "url": described_url(told.url),
        "second_url": None if told.second_url is None else described_url(told.second_url),
        "send": told.send.value,
        "fields": masked_json(_plain(dict(told.fields))),
        "body": masked_json(_plain(told.body)),
        "rpc_method": told.rpc_method or None,
        "headers": dict(masked_pairs(headers)),
        "auth": _kind(told.auth),
        "second_auth": None if told.second_url is None else _kind(told.second_auth),
        "deadline_s": told.deadline_s,
    }


def _kind(auth: Auth) -> str:
    match auth:
        case NoAuth():
            return "none"
        case BasicAuth():
            return "basic"
        case BearerAuth():
            return "bearer"
        case ApiKeyAuth():
            return "api_key"
        case OAuth2Auth():
            return "oauth2"
        case _:
            assert_never(auth)


def _plain(node: Any) -> Any:
    match node:
        case Template():
            return _text(node)
        case dict():
            return {key: _plain(item) for key, item in node.items()}
        case list():
            return [_plain(item) for item in node]
        case _:
            return node


def _text(template: Template) -> str:
    return "".join(_part(part) for part in template.parts)


def _part(part: str | Secret | Variable) -> str:
    match part:
        case str():
            return part
        case Secret():
            return "***"
        case Variable(name):
            return f"{{{{{name}}}}}"
        case _:
            assert_never(part)
