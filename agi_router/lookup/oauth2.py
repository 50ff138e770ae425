"""The words of a token endpoint, RFC 6749: how a token is asked for, and what its answer means. Asks nobody itself.

oauthlib is loaded with the first token: it takes 1 MB, and most routers ask for none.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from yarl import URL

from agi_router import __version__
from agi_router.lookup.failures import retry_after
from agi_router.routing.auth import ClientAuth, Grant, OAuth2Auth
from agi_router.routing.errors import Failure, RoutingError

if TYPE_CHECKING:
    from oauthlib.oauth2 import OAuth2Error

LONGEST_TOKEN: Final = 16_384  # signed tokens with many claims have some 4 KB; servers take headers of 8 to 32 KB
LONGEST_LIFE_S: Final = 366 * 86_400
LONGEST_TOLD: Final = 200
MASK: Final = "***"
_IS_IT_RIGHT: Final = "check that this is the token endpoint of its server"


class TokenError(RoutingError):
    """No token. `again_in_s` is the server's own wish when to be asked again, None when it has none.

    `is_final` when asking again the same way is not going to help before somebody changes something. `refresh_token` is
    the new one of an answer that is of no use otherwise, "" without one: the server does not take the old one any more.
    """

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str,
        *,
        is_final: bool = False,
        again_in_s: float | None = None,
        refresh_token: str = "",
    ) -> None:
        super().__init__(code, message, remedy)
        self.is_final = is_final
        self.again_in_s = again_in_s
        self.refresh_token = refresh_token


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A POST to the token endpoint; both parts hold secrets."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The token endpoint's answer, as it came: its body may hold a token. `body` is None when it was too large."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """What was issued. `lives_s` is None when the server does not say it; `refresh_token` is "" without a new one."""

    access_token: str = field(repr=False)
    lives_s: float | None
    refresh_token: str = field(default="", repr=False)


def token_request(auth: OAuth2Auth, refresh_token: str = "") -> TokenRequest:
    """The request of this client's grant; `refresh_token` is the newest one of the refresh grant."""
    from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient  # noqa: PLC0415

    headers, fields = _client(auth)
    scope = auth.scope or None
    if auth.grant is Grant.REFRESH_TOKEN:
        client = WebApplicationClient(auth.client_id)
        body = client.prepare_refresh_body(refresh_token=refresh_token, scope=scope, **fields)
    else:
        service = BackendApplicationClient(auth.client_id)
        body = service.prepare_request_body(include_client_id="client_id" in fields, scope=scope, **fields)
    return TokenRequest(headers, body.encode())


def code_request(auth: OAuth2Auth, code: str, redirect_uri: str, verifier: str) -> TokenRequest:
    """The request that makes tokens of an authorization code, with the verifier of PKCE (RFC 7636 section 4.5)."""
    from oauthlib.oauth2 import WebApplicationClient  # noqa: PLC0415

    headers, fields = _client(auth)
    client = WebApplicationClient(auth.client_id)
    body = client.prepare_request_body(
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=verifier,
        include_client_id="client_id" in fields,
        **{name: value for name, value in fields.items() if name != "client_id"},
    )
    return TokenRequest(headers, body.encode())


def _client(auth: OAuth2Auth) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and fields by which the client shows itself."""
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": f"agi-router/{__version__}",
    }
    fields = dict(auth.parameters)
    if auth.client_auth is ClientAuth.BASIC and auth.client_secret:
        # RFC 6749 section 2.3.1: both are form-encoded before they become user and password.
        pair = f"{quote_plus(auth.client_id)}:{quote_plus(auth.client_secret)}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        fields["client_id"] = auth.client_id
        if auth.client_secret:
            fields["client_secret"] = auth.client_secret
    return headers, fields


def issued(auth: OAuth2Auth, answer: TokenAnswer, refresh_token: str = "") -> IssuedToken:
    """The token of this answer. Raises TokenError: oauth_refused, oauth_unavailable, oauth_bad_answer.

    `refresh_token` is the one that was sent: no error repeats it.
    """
    from oauthlib.oauth2 import MissingTokenError, OAuth2Error  # noqa: PLC0415
    from oauthlib.oauth2.rfc6749.parameters import parse_token_response  # noqa: PLC0415

    if 300 <= answer.status < 400:
        raise _bad(auth, f"answered {answer.status}; redirects are not followed", "put the final address there")
    if answer.status == 429 or answer.status >= 500:
        raise TokenError(
            "oauth_unavailable",
            f"{place(auth)} answered {answer.status}",
            "it is overloaded or failed: look into its log; it is asked again, ever less often",
            again_in_s=retry_after(answer.headers),
        )
    try:
        token = parse_token_response((answer.body or b"").decode("utf-8"))
    except MissingTokenError:
        raise _bad(auth, f"answered {answer.status} without a token") from None
    except OAuth2Error as error:
        raise _refused(auth, error, (auth.client_secret, auth.refresh_token, refresh_token)) from None
    except Exception:  # oauthlib meets garbage with whatever Python raises for it, and that may quote the body
        raise _bad(auth, f"answered {answer.status} with what is no token answer") from None
    new_refresh_token = _refresh_token(auth, token)
    try:
        if answer.status != 200:
            raise _bad(auth, f"answered {answer.status} and a token")
        return IssuedToken(_access_token(auth, token), _life_s(token), new_refresh_token)
    except TokenError as error:
        error.refresh_token = new_refresh_token
        raise


def unreached(failure: Failure) -> RoutingError:
    """Why the token endpoint gave no answer; the guard's refusal keeps its own code."""
    code = failure.code if failure.code == "network_denied" else "oauth_unreachable"
    return RoutingError(code, f"no token: {failure.message}", failure.remedy.replace("request.url", "auth.token_url"))


def place(auth: OAuth2Auth) -> str:
    """The token endpoint in messages: its host, as what stands behind that may come from the environment."""
    return f"the token endpoint at {URL(auth.token_url, encoded=True).authority}"


def _access_token(auth: OAuth2Auth, token: Mapping[str, object]) -> str:
    """Only what can stand in a header; a token of another type (DPoP, mac) is used in ways that we do not know."""
    access_token, kind = token["access_token"], token.get("token_type") or "Bearer"
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _bad(auth, "issued a token that is no bearer token", "let the server issue bearer tokens to this client")
    if not isinstance(access_token, str) or not access_token or " " in access_token or not _is_plain(access_token):
        raise _bad(auth, "issued a token that no header can carry")
    return access_token


def _life_s(token: Mapping[str, object]) -> float | None:
    """A life that is over as it begins is none: it is how some servers say that it does not end."""
    given = token.get("expires_in")
    if not isinstance(given, int) or isinstance(given, bool) or given <= 0:
        return None
    return float(min(given, LONGEST_LIFE_S))


def _refresh_token(auth: OAuth2Auth, token: Mapping[str, object]) -> str:
    given = token.get("refresh_token") or ""
    if not isinstance(given, str) or not _is_plain(given):
        raise _bad(auth, "issued a refresh token that is none")
    return given


def _is_plain(token: str) -> bool:
    """Visible ASCII and spaces (RFC 6749, appendix A.12 and A.17), in a length that can be sent."""
    return len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()


def _refused(auth: OAuth2Auth, error: "OAuth2Error", secrets: tuple[str, ...]) -> TokenError:
    said = f"{error.error}: {error.description}" if error.description else str(error.error)
    for secret in filter(None, secrets):
        said = said.replace(secret, MASK)
    said = "".join(character for character in said if character.isprintable())[:LONGEST_TOLD]
    return TokenError(
        "oauth_refused", f"{place(auth)} refuses a token ({said})", _remedy(auth, str(error.error)), is_final=True
    )


def _remedy(auth: OAuth2Auth, code: str) -> str:
    match code:
        case "invalid_grant":
            return (
                "the refresh token was revoked, has expired, or was used elsewhere: "
                "authorise the router again and put the new one into auth.refresh_token"
            )
        case "invalid_client":
            return "check auth.client_id and auth.client_secret; some servers want client_auth: body"
        case "invalid_scope":
            return "correct auth.scope, or allow this scope to the client"
        case "unauthorized_client" | "unsupported_grant_type":
            return f"allow the grant {auth.grant} to this client in the server's settings"
        case "invalid_target":
            return "correct the audience or resource in auth.parameters"
        case _:
            return "compare auth with the server's manual: scope, parameters, client_auth"


def _bad(auth: OAuth2Auth, what: str, remedy: str = _IS_IT_RIGHT) -> TokenError:
    return TokenError("oauth_bad_answer", f"{place(auth)} {what}", f"see auth.token_url: {remedy}", is_final=True)
