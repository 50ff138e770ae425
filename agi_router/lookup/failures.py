"""What can go wrong between us and the API, in words that say what to do next."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

import aiohttp
from yarl import URL

from agi_router.lookup.guard import NetworkDeniedError
from agi_router.routing.errors import Failure

LONGEST_ANSWER = 1_048_576
LONGEST_REASON: Final = 200


class DisconnectedError(aiohttp.ClientError):
    """The connection broke after the request had left, and before an answer came."""


def of_exception(error: aiohttp.ClientError | OSError | ValueError, url: str, deadline_s: float) -> Failure:
    """The failure that this exception of aiohttp means. The URL's host is named, its query never."""
    host = _host(url)
    denied = _denied(error)
    if denied is not None:
        return Failure(
            "network_denied",
            f"{host} is at {denied.address}, which is not a public address",
            f"if the API really stands there, add its network to network.allowed_networks, as {denied.address}",
        )
    match error:
        case aiohttp.ConnectionTimeoutError():
            return Failure("api_timeout", f"{host} did not take the connection in time", _reach(host))
        case asyncio.TimeoutError():
            return too_slow(url, deadline_s)
        case aiohttp.ClientConnectorDNSError():
            return Failure(
                "api_dns",
                f"the name {URL(url).host} cannot be resolved",
                "check the host in request.url, and the name servers of this machine",
            )
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
            return Failure(
                "api_tls",
                f"no trusted TLS connection to {host}: {_reason(error)}",
                "check the certificate's name and date; for a private CA set request.ca_file",
            )
        case aiohttp.ClientConnectorError():
            return Failure("api_refused", f"{host} takes no connection: {_reason(error)}", _reach(host))
        case ValueError():  # aiohttp.InvalidURL is one, and so is a host name that IDNA cannot encode
            return Failure("api_url", f"{host} cannot be asked: {error}", "correct the host in request.url")
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return Failure(
                "api_bad_http",
                f"{host} does not answer in proper HTTP: {_reason(error)}",
                "check that request.url names the API's HTTP port; look into the API's log",
            )
        case _:
            return Failure(
                "api_disconnected",
                f"{host} closed the connection before its answer was complete",
                "look into the API's log for this moment; it may have crashed or restarted",
            )


def is_failed_connect(error: Exception) -> bool:
    """Whether nothing was sent yet, and asking again may help."""
    is_connecting = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return is_connecting and not isinstance(error, aiohttp.ClientSSLError) and _denied(error) is None


def is_of_upstream(failure: Failure) -> bool:
    """Whether a lookup without an answer says that the upstream is unwell; a denied or unusable address does not."""
    return failure.code not in {"network_denied", "api_url"}


def is_unwell(status: int) -> bool:
    """Whether the upstream says that it cannot answer now: 5xx, and 429, Too Many Requests (RFC 6585).

    Any other answer, 404 too, comes from an API that is well.
    """
    return status >= 500 or status == 429


def retry_after(headers: Mapping[str, str]) -> float | None:
    """In how many seconds the server wants to be asked again (RFC 9110 section 10.2.3), None when it does not say.

    The other form, a date, is not worth its trust in two clocks.
    """
    given = headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() and len(given) <= 6 else None


def too_slow(url: str, deadline_s: float) -> Failure:
    """The deadline is over."""
    return Failure(
        "api_timeout",
        f"{_host(url)} gave no complete answer within {deadline_s:g} s",
        "make the API faster; request.deadline_s may be raised up to 10, but the caller hears ringing all the while",
    )


def too_large(url: str) -> Failure:
    """The answer was not read to its end."""
    return Failure(
        "api_answer_too_large",
        f"the answer of {_host(url)} is larger than {LONGEST_ANSWER // 1024} KiB and was not read to its end",
        "ask the API for less: one record, or a limit in the query",
    )


def of_status(url: str, status: int, location: str | None) -> Failure | None:
    """Why an answer of this status is not used; None for 2xx."""
    host = _host(url)
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        where = _host(str(URL(url).join(URL(location)))) if location and _is_url(location) else "nowhere"
        return Failure(
            "api_redirect",
            f"{host} answered {status} and points to {where}; redirects are not followed",
            "put the final address into request.url",
        )
    return Failure("api_status", f"{host} answered {status}", _status_remedy(status))


def of_refused_tokens(url: str) -> Failure:
    """A 401 that no new token of OAuth mends."""
    return Failure(
        "api_status",
        f"{_host(url)} answered 401, also to a new token",
        "the token is for something else: check auth.scope, its audience or resource, and this client's rights",
    )


def _status_remedy(status: int) -> str:
    match status:
        case 400 | 422:
            return "the API does not understand the request: compare its url, fields and body with the API's manual"
        case 401:
            return "the API does not know who asks: check request.auth, and whether the token or password has expired"
        case 403:
            return "the API knows who asks and refuses: give this user or key the right to read what is asked for"
        case 404:
            return "check the path of request.url; if the API says 404 for an unknown caller, the fallback is right"
        case 405:
            return "the API does not take this method: set request.method"
        case 415:
            return "the API does not take this content type: set request.send to json or form"
        case 429:
            return "the API is asked too often: raise its limit for this user or key"
        case _ if status >= 500:
            return "the API itself failed: look into its log"
        case _:
            return "look up this status in the API's manual"


def _denied(error: BaseException) -> NetworkDeniedError | None:
    os_error = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return os_error if isinstance(os_error, NetworkDeniedError) else None


def _reason(error: Exception) -> str:
    """One line: a parser's error draws the place in what the server sent, over several."""
    return " ".join(_said(error).split())[:LONGEST_REASON]


def _said(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            cause: object = error.certificate_error
            return str(getattr(cause, "verify_message", "") or cause)
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, socket.gaierror):
            return str(error.os_error.strerror)
        case aiohttp.ClientConnectorError():
            return error.os_error.strerror or str(error.os_error)
        case aiohttp.ClientResponseError():
            return error.message
        case _:
            return str(error) or type(error).__name__


def _reach(host: str) -> str:
    return f"check that the API runs and that this machine reaches {host}: curl -v {host}"


def _host(url: str) -> str:
    parts = URL(url, encoded=True)
    host = parts.host_subcomponent or "no host"
    return f"{host}:{parts.explicit_port}" if parts.explicit_port else host


def _is_url(text: str) -> bool:
    try:
        URL(text)
    except ValueError:
        return False
    return True
