"""A login by OAuth 2.0: the CRM's user consents in a browser, and the router gets tokens for it (RFC 6749 section 4.1).

The code travels through the browser of whoever logs in; with PKCE (RFC 7636) it is worth nothing to anybody else.
"""

import secrets
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from oauthlib.oauth2 import WebApplicationClient

from agi_router.lookup.oauth2 import IssuedToken, TokenError, code_request, issued
from agi_router.routing.auth import OAuth2Auth
from agi_router.routing.errors import RoutingError
from ari_app.crm.access import oauth2_auth
from ari_app.crm.document import OAuth2Login
from ari_app.crm.lane import Lane
from ari_app.crm.settings import ConnectorSettings

LONGEST_TOLD: Final = 200


@dataclass(frozen=True, slots=True)
class Authorization:
    """One login: where the browser is sent, and what is made of what it brings back."""

    login: OAuth2Login
    redirect_uri: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    verifier: str = field(default_factory=lambda: WebApplicationClient("").create_code_verifier(64), repr=False)

    def url(self) -> str:
        """The page to open. Raises RoutingError `crm_address` when the document's endpoint is none."""
        endpoint = self.login.authorization_endpoint
        parts = urlsplit(endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or not endpoint.isprintable():
            raise RoutingError(
                "crm_address",
                f"the authorization endpoint is no http or https address: {endpoint or 'it is empty'}",
                "correct the property that holds it, or authorization_endpoint of the document",
            )
        challenge = WebApplicationClient("").create_code_challenge(self.verifier, "S256")
        fields = {
            "response_type": "code",
            "client_id": self.login.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.login.scope,
            **dict(self.login.authorization_parameters),
            "state": self.state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        query = urlencode({name: value for name, value in fields.items() if value})
        return f"{endpoint}{'&' if parts.query else '?'}{query}"

    def code_of(self, came_back: str) -> str:
        """The code in the address that the browser came back to, or in its query alone.

        Raises RoutingError: `oauth_denied` (RFC 6749 section 4.1.2.1), `oauth_other_login`.
        """
        query = came_back.strip().partition("?")[2] or came_back.strip()
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        if not secrets.compare_digest(fields.get("state", "").encode(), self.state.encode()):
            raise RoutingError(
                "oauth_other_login",
                "this address is not what this login has asked for",
                "open the page that is shown here, consent there, and give the address that the browser then shows",
            )
        if "code" not in fields:
            said = fields.get("error_description") or fields.get("error") or "it does not say why"
            told = "".join(filter(str.isprintable, said))[:LONGEST_TOLD]
            raise RoutingError(
                "oauth_denied", f"the CRM gives no code: {told}", "log in again, and allow what the CRM asks for"
            )
        return fields["code"]

    async def tokens(self, code: str, settings: ConnectorSettings, lane: Lane) -> IssuedToken:
        """What the code is worth. Raises RoutingError."""
        auth: OAuth2Auth = oauth2_auth(self.login, "", settings.ca_file)
        answer = await lane.post(auth, code_request(auth, code, self.redirect_uri, self.verifier))
        try:
            return issued(auth, answer)
        except TokenError as error:
            if "invalid_grant" not in error.failure.message:
                raise
            raise RoutingError(
                error.failure.code,
                error.failure.message,
                f"log in again: a code is taken once and soon, and only with the redirect URI {self.redirect_uri}",
            ) from error
