"""Who asks: Basic authentication, a key's id for a name and its secret for a password."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBasic

from ari_app.access.scopes import Access, Scope
from ari_app.web.faces.face import FaceDoor


class _Shown(HTTPBasic):
    """For the OpenAPI alone: FastAPI's own refuses what it cannot read before anybody is asked."""

    async def __call__(self, request: Request) -> None:  # type: ignore[override]
        """See `_tokens`."""


_BASIC = _Shown(
    scheme_name="Aircall",
    auto_error=False,
    description="Of a key agr_ID_SECRET, made by agi-router keys create NAME --scope face:aircall: ID as the name, "
    "SECRET or the whole key as the password",
)


def _tokens(request: Request) -> list[str]:
    """The keys that the headers show; what is no Basic authentication is none of ours."""
    schemes = (value.strip().partition(" ") for value in request.headers.getlist("authorization"))
    return [_token(credentials.strip()) for scheme, _, credentials in schemes if scheme.lower() == "basic"]


def _token(credentials: str) -> str:
    try:
        name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password if password.startswith("agr_") else f"agr_{name}_{password}"


_door = FaceDoor(Scope.FACE_AIRCALL, _tokens)


async def _caller(access: Annotated[Access, Depends(_door)], _basic: Annotated[Any, Security(_BASIC)]) -> Access:
    return access


Caller = Annotated[Access, Depends(_caller)]
