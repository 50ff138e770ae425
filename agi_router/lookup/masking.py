"""Hides a request's secrets in what is told about it: what the environment gave, and what its name gives away."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from agi_router.routing.route import Request
from agi_router.routing.template import Template

MASK = "***"
_SECRET_NAME = re.compile(
    r"authorization|cookie|token|secret|passw|pwd|credential|signature|hapikey"
    r"|(api|access|auth|client|private|session|subscription)[-_]?key",
    re.IGNORECASE,
)


def without_secrets(request: Request) -> Request:
    """The same request with the mask in the place of each secret that its templates hold. Credentials stay."""
    return replace(
        request,
        url=request.url.hiding(MASK),
        fields={name: _hiding(field) for name, field in request.fields.items()},
        body=_hiding(request.body),
        headers={name: header.hiding(MASK) for name, header in request.headers.items()},
    )


def secret_places(request: Request) -> list[tuple[str, ...]]:
    """Where, besides its auth and its URL, a request holds a secret: ("headers", "X-Token"), or ("body",)."""
    held: dict[tuple[str, ...], Any] = {("headers", name): {name: header} for name, header in request.headers.items()}
    held |= {("fields", name): {name: field} for name, field in request.fields.items()}
    held |= {("body",): request.body}
    return [place for place, node in held.items() if masked_json(_hiding(node)) != node]


def masked_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields of a query or form, or headers, with the values of telling names masked."""
    return [(name, MASK if _SECRET_NAME.search(name) else value) for name, value in pairs]


def masked_json(node: Any) -> Any:
    """The document with what stands under telling names masked, however deep."""
    match node:
        case dict():
            return {key: MASK if _SECRET_NAME.search(key) else masked_json(item) for key, item in node.items()}
        case list():
            return [masked_json(item) for item in node]
        case _:
            return node


def masked_url(url: str) -> str:
    """The URL with the values of telling names in its query masked; what is encoded stays so."""
    address, separator, query = url.partition("?")
    fields = [
        f"{field.partition('=')[0]}={MASK}" if _SECRET_NAME.search(field.partition("=")[0]) else field
        for field in query.split("&")
    ]
    return address + separator + "&".join(fields)


def _hiding(node: Any) -> Any:
    match node:
        case Template():
            return node.hiding(MASK)
        case dict():
            return {key: _hiding(item) for key, item in node.items()}
        case list():
            return [_hiding(item) for item in node]
        case _:
            return node
