"""What a request to a receiver came to, in words that say what to do next."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from agi_router.lookup.guard import NetworkDeniedError

LONGEST_TEXT: Final = 500
_CONTROLS: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff]+")


class Verdict(StrEnum):
    """What follows from a request."""

    DELIVERED = "delivered"
    FAILED = "failed"  # it is tried again
    GONE = "gone"  # the receiver wants no more of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`status` is None when no answer came; `error` says why it does not count, "" if it does.

    `answer` is the beginning of what the receiver said, on one line; `asked_for` how long it wants to be left alone.
    """

    verdict: Verdict
    status: int | None = None
    error: str = ""
    answer: str = ""
    asked_for: timedelta | None = None


def of_answer(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """Success is 2xx alone: who redirects has not taken it, and where he points to nobody has checked."""
    answer = one_line(body.decode(errors="replace"))
    if 200 <= status < 300:
        return Outcome(verdict=Verdict.DELIVERED, status=status, answer=answer)
    if status == 410:
        error = "the receiver answered 410: it wants no more events, so the webhook is disabled"
        return Outcome(verdict=Verdict.GONE, status=status, error=error, answer=answer)
    error = f"the receiver answered {status}{_remedy(status)}"
    return Outcome(
        verdict=Verdict.FAILED, status=status, error=error, answer=answer, asked_for=retry_after(headers, now)
    )


def of_exception(error: Exception, url: str, within_s: float) -> Outcome:
    """No whole answer came."""
    return failed(_reason(error, urlsplit(url).hostname or url, within_s))


def failed(reason: str) -> Outcome:
    """Without an answer."""
    return Outcome(verdict=Verdict.FAILED, error=one_line(reason))


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """When the receiver wants to be asked again (RFC 9110 section 10.2.3), in seconds or as a date.

    None when it does not say, or says what cannot be understood.
    """
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return timedelta(seconds=int(given[:9]))
    try:
        moment = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    return max(moment.replace(tzinfo=moment.tzinfo or UTC) - now, timedelta())


def one_line(text: str) -> str:
    """Without control characters, and not longer than LONGEST_TEXT: fit for logs, terminals and every database."""
    return _CONTROLS.sub(" ", text[: 4 * LONGEST_TEXT]).strip()[:LONGEST_TEXT]


def _remedy(status: int) -> str:
    match status:
        case 401 | 403:
            return ": does it check the signature with this webhook's secret?"
        case 404 | 405:
            return ": is the URL right?"
        case 413:
            return ": it takes no body of this size"
        case 429:
            return ": it gets more than it takes"
        case _ if 300 <= status < 400:
            return ", a redirect, and none is followed: change the URL to where it points"
        case _:
            return ""


def _reason(error: Exception, host: str, within_s: float) -> str:
    cause: Exception = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match cause:
        case NetworkDeniedError():
            return (
                f"{host} is at {cause.address}, which is not a public address; if the receiver really stands there, "
                "add its network to network.allowed_networks"
            )
        case asyncio.TimeoutError():
            return f"no answer of {host} within {within_s:g} s"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"the name {host} cannot be resolved"
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
            return f"no trusted TLS connection to {host}: {error}; for a private authority set webhooks.ca_file"
        case aiohttp.ClientConnectorError():
            return f"{host} takes no connection: {error.os_error.strerror or error.os_error}"
        case aiohttp.InvalidURL():  # its text is the URL, as is a part of the next one's, and a query may hold a token
            return "no request can be made to this URL: is it right?"
        case ValueError():
            return f"no request can be made: {error}"
        case aiohttp.ClientResponseError():
            return f"{host} does not answer in proper HTTP: {error.message}"
        case aiohttp.ClientPayloadError():
            return f"{host} does not answer in proper HTTP: {error}"
        case _:
            return f"{host} closed the connection before it answered"
