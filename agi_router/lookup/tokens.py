"""The access token of one client: got before it is needed, shared by all callers, replaced when the API refuses it.

A flight is one conversation with the token endpoint. There is one at a time, it belongs to no caller, and nobody waits
for it longer than his own deadline. While a token still lives, its successor is fetched in the background.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from agi_router.lookup.grants import GrantMemory, HeldGrant
from agi_router.lookup.oauth2 import IssuedToken, TokenAnswer, TokenError, TokenRequest, issued, place, token_request
from agi_router.routing.auth import Grant, OAuth2Auth
from agi_router.routing.errors import Failure, RoutingError

if TYPE_CHECKING:
    from agi_router.lookup.seal import GrantSeal

log = logging.getLogger(__name__)

Post = Callable[[OAuth2Auth, TokenRequest], Awaitable[TokenAnswer]]
"""Asks the token endpoint, through the network guard and without redirects. Raises RoutingError."""

FLIGHT_S: Final = 30.0
"""Longer than any caller waits: an answer that nobody hears may have replaced the refresh token."""
LEEWAY_S: Final = 1.0
"""A token this near its end may be dead when the API reads it."""
RENEW_SHARE: Final = 0.2
RENEW_AT_MOST_S: Final = 300.0
SHORTEST_RENEWAL_S: Final = 10.0
"""Tokens that live shorter than this are not renewed in advance: nobody's token endpoint is asked every second."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
FIRST_RETRY_REFUSED_S: Final = 30.0
LONGEST_RETRY_REFUSED_S: Final = 900.0
REPLACED_AGAIN_S: Final = 60.0
"""An API that refuses every token must not cost one token request per call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """How a client stands. `endpoint` names the host of the token endpoint, for people.

    `valid_until` is None without a token, and when the server does not tell its end. `failure` is why the newest flight
    failed, None when it did not; a token may live on beside it.
    """

    endpoint: str
    grant: Grant
    obtained_at: datetime | None
    valid_until: datetime | None
    failure: Failure | None
    next_try_at: datetime | None

    @property
    def is_usable(self) -> bool:
        """Whether a call would have a token now."""
        ended = self.valid_until is not None and self.valid_until <= datetime.now(UTC)
        return self.obtained_at is not None and not ended


@dataclass(frozen=True, slots=True)
class _Token:
    """Times in seconds since 1970; `ends_at` is None when the server does not tell."""

    access_token: str = field(repr=False)
    obtained_at: float
    ends_at: float | None
    replaces_refused: bool = False

    def lives(self) -> bool:
        return self.ends_at is None or self.ends_at - LEEWAY_S > time.time()


class TokenSource:
    """One client's token, for all requests whose `auth` is equal. To be closed in the end."""

    def __init__(self, auth: OAuth2Auth, post: Post, memory: GrantMemory) -> None:
        import oauthlib.oauth2  # noqa: F401, PLC0415 - now, in the thread of a reload, not between two steps of a call

        self._auth = auth
        self._post = post
        self._memory = memory
        self._seal = _seal(auth) if auth.grant is Grant.REFRESH_TOKEN else None
        self._token: _Token | None = None
        self._refused = ""
        self._failure: Failure | None = None
        self._failures = 0
        self._next_try = 0.0
        self._flight: asyncio.Task[_Token | Failure] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False

    def keep_ready(self, predecessor: "TokenSource | None" = None) -> None:
        """Have a token before the first caller needs it; from then on it is renewed by itself.

        A `predecessor` has the same `auth`, in the router before a reload: its token is as good for this one. Where a
        refresh token is behind it, the memory of grants has it.
        """
        token = None if predecessor is None else predecessor._token
        if self._seal is None and token is not None and token.lives():
            self._succeeded(token)
        else:
            self._fly()

    async def token(self, deadline: float) -> str:
        """The access token, by the loop's time `deadline`. Safe to cancel.

        Raises RoutingError: oauth_refused, oauth_unreachable, oauth_unavailable, oauth_timeout, oauth_bad_answer,
        oauth_elsewhere, network_denied. After a failure nobody is asked for a while: it is then raised at once.
        """
        if self._token is not None and self._token.lives():
            return self._token.access_token
        loop = asyncio.get_running_loop()
        if self._failure is not None and not self._is_flying and loop.time() < self._next_try:
            raise _error(self._failure)
        try:
            async with asyncio.timeout_at(deadline):
                landed = await asyncio.shield(self._fly())
        except TimeoutError:
            raise _too_slow(self._auth) from None
        if isinstance(landed, Failure):
            raise _error(landed)
        return landed.access_token

    async def instead_of(self, refused: str, deadline: float) -> str | None:
        """A newer token than this one, which the API refused; None where that is no help. Raises as `token` does."""
        token = self._token
        if token is not None and token.access_token == refused:
            if token.replaces_refused and abs(time.time() - token.obtained_at) < REPLACED_AGAIN_S:
                return None
            self._refused, self._token = refused, None
        newer = await self.token(deadline)
        return None if newer == refused else newer

    def state(self) -> TokenState:
        """How this client stands; holds no secret."""
        token = self._token
        waits_s = self._next_try - asyncio.get_running_loop().time()
        return TokenState(
            endpoint=place(self._auth),
            grant=self._auth.grant,
            obtained_at=None if token is None else _moment(token.obtained_at),
            valid_until=None if token is None or token.ends_at is None else _moment(token.ends_at),
            failure=self._failure,
            next_try_at=None if self._failure is None else _moment(time.time() + max(waits_s, 0.0)),
        )

    async def close(self) -> None:
        """No renewal any more. A refresh token that is just being replaced is waited for, FLIGHT_S at most.

        It would be lost, and after a reload the next router would use the old one a second time, which servers take for
        a theft.
        """
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._flight is None:
            return
        if self._seal is not None:
            await asyncio.wait([self._flight])
        self._flight.cancel()
        await asyncio.gather(self._flight, return_exceptions=True)

    @property
    def _is_flying(self) -> bool:
        return self._flight is not None and not self._flight.done()

    def _fly(self) -> "asyncio.Task[_Token | Failure]":
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fly_once(), name=f"token of {self._auth.client_id}")
        return self._flight

    def _fly_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._is_closing:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._fly)

    async def _fly_once(self) -> _Token | Failure:
        """Never raises: nobody may be there to hear it."""
        try:
            async with asyncio.timeout(FLIGHT_S):
                return self._succeeded(await self._obtained())
        except RoutingError as error:
            return self._failed(error)
        except TimeoutError:
            return self._failed(_too_slow(self._auth))
        except Exception:
            log.exception("asking %s failed", place(self._auth))
            return self._failed(RoutingError("internal", "the router failed to get a token", "please report its log"))

    async def _obtained(self) -> _Token:
        if self._seal is None:
            return _token_of(await self._ask(""))
        seal = self._seal
        adopted = self._adoptable(await self._recalled(seal))
        if adopted is not None:
            return adopted
        async with self._memory.turn(seal.grant_id):
            held = await self._recalled(seal)
            adopted = self._adoptable(held)
            if adopted is not None:
                return adopted
            refresh_token = self._auth.refresh_token if held is None else held.refresh_token
            try:
                new = await self._ask(refresh_token)
            except TokenError as error:
                if error.refresh_token:
                    self._memory.remember(seal.grant_id, seal.seal(HeldGrant(error.refresh_token, "", 0.0, 0.0)))
                raise
            token = _token_of(new)
            newest = HeldGrant(new.refresh_token or refresh_token, new.access_token, token.obtained_at, token.ends_at)
            self._memory.remember(seal.grant_id, seal.seal(newest))
            return token

    async def _ask(self, refresh_token: str) -> IssuedToken:
        answer = await self._post(self._auth, token_request(self._auth, refresh_token))
        return issued(self._auth, answer, refresh_token)

    async def _recalled(self, seal: "GrantSeal") -> HeldGrant | None:
        sealed = await self._memory.recall(seal.grant_id)
        return None if sealed is None else seal.open(sealed)

    def _adoptable(self, held: HeldGrant | None) -> _Token | None:
        """A token that was issued before this router started, or to its predecessor at a reload."""
        known = {"", self._refused, "" if self._token is None else self._token.access_token}
        if held is None or held.access_token in known:
            return None
        token = _Token(held.access_token, held.obtained_at, held.ends_at)
        return token if token.lives() else None

    def _succeeded(self, token: _Token) -> _Token:
        if self._failure is not None:
            log.info("%s issues tokens again", place(self._auth))
        self._token = replace(token, replaces_refused=bool(self._refused))
        self._refused, self._failure, self._failures = "", None, 0
        if token.ends_at is not None:
            life_s = token.ends_at - token.obtained_at
            if life_s >= SHORTEST_RENEWAL_S:
                renew_at = token.ends_at - min(life_s * RENEW_SHARE, RENEW_AT_MOST_S)
                self._fly_in(max(renew_at - time.time(), 0.0))
        return self._token

    def _failed(self, error: RoutingError) -> Failure:
        self._failures += 1
        is_final, wish_s = (error.is_final, error.again_in_s) if isinstance(error, TokenError) else (False, None)
        first_s, longest_s = (
            (FIRST_RETRY_REFUSED_S, LONGEST_RETRY_REFUSED_S) if is_final else (FIRST_RETRY_S, LONGEST_RETRY_S)
        )
        wait_s = min(first_s * 2 ** min(self._failures - 1, 10), longest_s)
        if wish_s is not None:
            wait_s = min(max(wish_s, wait_s), LONGEST_RETRY_REFUSED_S)
        self._failure = error.failure
        self._next_try = asyncio.get_running_loop().time() + wait_s
        self._fly_in(wait_s)
        log.warning("no token: %s; %s. The next try is in %.0f s", error.failure.message, error.failure.remedy, wait_s)
        return error.failure


def _token_of(new: IssuedToken) -> _Token:
    now = time.time()
    return _Token(new.access_token, now, None if new.lives_s is None else now + new.lives_s)


def _too_slow(auth: OAuth2Auth) -> RoutingError:
    return RoutingError(
        "oauth_timeout",
        f"{place(auth)} gave no token in time",
        "find out why it is slow; a call waits for it only as long as the request's deadline_s",
    )


def _error(failure: Failure) -> RoutingError:
    return RoutingError(failure.code, failure.message, failure.remedy)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seal(auth: OAuth2Auth) -> "GrantSeal":
    from agi_router.lookup.seal import GrantSeal  # noqa: PLC0415  takes 7 MB, and few routers have refresh tokens

    return GrantSeal(auth)
