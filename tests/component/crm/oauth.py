"""A document with OAuth 2.0, and the CRM that takes the tokens of its server."""

import json
from pathlib import Path
from typing import Any

from ari_app.crm.document import Document, read
from sandbox.crm import GenericCrm
from tests.component.oidc.server import Provider

GENERIC = Path(__file__).parents[3] / "ari_app" / "crm" / "documents" / "generic.json"


def written(provider: Provider, **changes: Any) -> dict[str, Any]:
    """The document `generic`, with OAuth 2.0 instead of a token."""
    document: dict[str, Any] = json.loads(GENERIC.read_text())
    del document["auth"]
    oauth = {
        "client_id": "$Client ID$",
        "client_secret": "$Client Secret$",
        "authorization_endpoint": provider.authorization_url,
        "authorization_parameters": {"prompt": "consent"},
        "token_endpoint": provider.token_url,
        "scope": "openid offline_access calls",
    }
    properties = ["Base URL", {"name": "Client ID", "default": "desk"}, {"name": "Client Secret", "type": "password"}]
    return document | {"id": "oauth", "name": "CRM with OAuth", "properties": properties, "OAuth2": oauth | changes}


def by_oauth(folder: Path, provider: Provider, **changes: Any) -> Document:
    file = folder / "oauth.json"
    file.write_text(json.dumps(written(provider, **changes)))
    return read(file)


def let_in_by(provider: Provider, crm: GenericCrm) -> None:
    """The CRM asks the server whether a token lives."""

    async def lives(authorization: str) -> bool:
        return await provider.is_alive(authorization.removeprefix("Bearer "))

    crm.authorise = lives
    crm.refusal = 401
