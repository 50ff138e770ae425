"""Which names the headers of a request may have: none that HTTP or the router keeps for itself, and none twice."""

import re
from collections.abc import Iterator
from typing import assert_never

from agi_router.routing.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, KeyPlace, NoAuth, OAuth2Auth
from agi_router.routing.route import Request, Send
from agi_router.routing.template import Secret, Template, Variable

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What frames a message or belongs to one connection (RFC 9110, sections 7.2, 7.6.1, 8.4, 8.6 and 10.1.1)."""
OWN_HEADERS = frozenset({"accept", "accept-encoding", "content-type", "user-agent"})
"""What the router sets by itself. `headers` may replace them, for that is what they are for; fields may not."""

At = tuple[str | int, ...]


def header_name(given: str) -> str:
    """The name of a header to send; raises ValueError for what is no name, or is not the operator's to set."""
    if not NAME.fullmatch(given):
        raise ValueError("is not the name of a header; write it without spaces and colon, such as X-Source")
    if given.lower() in CONNECTION_HEADERS:
        raise ValueError("belongs to the connection and is set by the router itself; take it away")
    return given


def is_header_text(template: Template) -> bool:
    """Whether the fixed texts can stand in a header; what a call brings is encoded."""
    fixed = (
        part.text if isinstance(part, Secret) else part for part in template.parts if not isinstance(part, Variable)
    )
    return all(text.isascii() and text.isprintable() for text in fixed)


def header_problems(request: Request) -> Iterator[tuple[At, str]]:
    """What is wrong with the headers that would leave: where it stands in the request, and a sentence."""
    taken: dict[str, str] = {}
    credential = _credential_header(request.auth)
    if credential is not None:
        taken[credential.lower()] = "auth"
        if credential.lower() in OWN_HEADERS:
            yield ("auth", "name"), "is a header of the router's own; look up in which one the API wants its key"
    for name in request.headers:
        if name.lower() in taken:
            yield ("headers", name), _clash(taken[name.lower()])
        taken[name.lower()] = "headers"
    if request.send is Send.HEADERS:
        for name, field in request.fields.items():
            for problem in _field_problems(name, field, taken):
                yield ("fields", name), problem
            taken[name.lower()] = "fields"


def _field_problems(name: str, field: object, taken: dict[str, str]) -> Iterator[str]:
    try:
        header_name(name)
    except ValueError as error:
        yield f"{error} (send: headers makes headers of the fields)"
        return
    if name.lower() in taken:
        yield _clash(taken[name.lower()])
    elif name.lower() in OWN_HEADERS:
        yield "is a header of the router's own; to replace it, write it under headers instead of fields"
    if isinstance(field, Template) and not is_header_text(field):
        yield "a header holds printable ASCII characters on one line (send: headers makes headers of the fields)"


def _clash(other: str) -> str:
    match other:
        case "auth":
            return "is the header in which auth puts the credentials; take it away here, or take auth away"
        case _:
            return f"is already a header under {other}, whatever the case of its letters; keep one of them"


def _credential_header(auth: Auth) -> str | None:
    match auth:
        case NoAuth():
            return None
        case BasicAuth() | BearerAuth() | OAuth2Auth():
            return "Authorization"
        case ApiKeyAuth():
            return auth.name if auth.place is KeyPlace.HEADER else None
        case _:
            assert_never(auth)
