"""Requests and the limits of upstreams, from their sections."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from agi_router.document import suggestion
from agi_router.lookup.connections import trusting
from agi_router.lookup.upstream import UpstreamLimits
from agi_router.routing.auth import ApiKeyAuth, Auth, BasicAuth, BearerAuth, NoAuth, OAuth2Auth
from agi_router.routing.route import Request
from agi_router.settings.findings import At, Findings
from agi_router.settings.request_headers import header_problems
from agi_router.settings.request_section import (
    ApiKeyAuthSection,
    AuthSection,
    BasicAuthSection,
    BearerAuthSection,
    NoAuthSection,
    OAuth2AuthSection,
    RequestSection,
    SameAuthSection,
)
from agi_router.settings.second_url import second_url_problems
from agi_router.settings.sections import UpstreamSection


@dataclass(slots=True)
class RequestBuilding:
    """Builds the requests of all routes; `refreshed` are the refresh tokens seen so far, and whose they are."""

    found: Findings
    refreshed: dict[tuple[str, str, str], tuple[OAuth2Auth, At]] = field(default_factory=dict)

    def request(self, section: RequestSection, at: At) -> Request:
        """One request."""
        ca_file = self._ca_file(section.ca_file, (*at, "ca_file"))
        auth, second_auth = _auth(section.auth, ca_file), _second_auth(section, ca_file)
        self._check_token(auth, (*at, "auth"))
        if second_auth != auth:
            self._check_token(second_auth, (*at, "second_auth"))
        request = Request(
            method=section.sent_by,
            url=section.url,
            send=section.sent_as,
            fields=section.fields,
            body=section.body,
            rpc_method=section.rpc_method or "",
            headers=section.headers,
            auth=auth,
            deadline_s=section.deadline_s,
            ca_file=ca_file,
            second_url=section.second_url,
            second_auth=second_auth,
        )
        for where, message in (*header_problems(request), *second_url_problems(request, section.second_auth)):
            self.found.problem((*at, *where), message)
        return request

    def upstreams(self, given: Sequence[UpstreamSection], asked: Set[str]) -> dict[str, UpstreamLimits]:
        """The limits by origin; `asked` are the origins of all routes."""
        self.found.check_unique(
            "upstreams' origins", [(("upstreams", i, "origin"), u.origin) for i, u in enumerate(given)]
        )
        for index, upstream in enumerate(given):
            if upstream.origin not in asked:
                hint = suggestion(upstream.origin, sorted(asked))
                self.found.warn(("upstreams", index, "origin"), f"no route asks {upstream.origin}{hint}")
        return {
            u.origin: UpstreamLimits(max_concurrent=u.max_concurrent, failures=u.failures, open_s=u.open_s)
            for u in given
        }

    def _check_token(self, auth: Auth, at: At) -> None:
        if not isinstance(auth, OAuth2Auth):
            return
        if auth.refresh_token:
            whose = (auth.token_url, auth.client_id, auth.refresh_token)
            first, first_at = self.refreshed.setdefault(whose, (auth, at))
            if first != auth:
                where = self.found.document.position(first_at)
                self.found.problem(
                    at,
                    f"has the refresh_token of {where} and other settings; one refresh token has one use at a time: "
                    "make both the same (their request.ca_file, too), or get another refresh token",
                )
        if auth.token_url.startswith("http:") and not _is_loopback(auth.token_url):
            self.found.warn((*at, "token_url"), "is asked without TLS: secrets and tokens travel readable; use https")

    def _ca_file(self, name: str | None, at: At) -> Path | None:
        if name is None:
            return None
        file = self.found.document.directory / name
        try:
            trusting(file)
        except OSError as error:
            self.found.problem(
                at, f"{file} cannot be read as PEM certificates: {error.strerror or error}; check the file"
            )
        return file


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _second_auth(section: RequestSection, ca_file: Path | None) -> Auth:
    match section.second_auth:
        case None if section.second_url is None:
            return NoAuth()
        case None | SameAuthSection():
            return _auth(section.auth, ca_file)
        case _:
            return _auth(section.second_auth, ca_file)


def _auth(section: AuthSection, ca_file: Path | None) -> Auth:
    match section:
        case NoAuthSection():
            return NoAuth()
        case BasicAuthSection():
            return BasicAuth(section.username, section.password.get_secret_value())
        case BearerAuthSection():
            return BearerAuth(section.token.get_secret_value())
        case ApiKeyAuthSection():
            return ApiKeyAuth(section.place, section.name, section.value.get_secret_value())
        case OAuth2AuthSection():
            return OAuth2Auth(
                token_url=section.token_url,
                client_id=section.client_id,
                client_secret=section.client_secret.get_secret_value() if section.client_secret else "",
                refresh_token=section.refresh_token.get_secret_value() if section.refresh_token else "",
                scope=section.scope or "",
                client_auth=section.client_auth,
                parameters=tuple(section.parameters.items()),
                ca_file=ca_file,
            )
        case _:
            assert_never(section)
