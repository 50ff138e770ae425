"""Lets a request in, or not: by its key, where it comes from, and how often it, or one of its address, has asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic_ns

import structlog

from ari_app.access.forwarding import ProxyHeader
from ari_app.access.keyring import Denied, Keyring
from ari_app.access.networks import Address, Network, NoAddressError, address, client_address, contains
from ari_app.access.rates import Clock, Guesses, Quota, RequestRates
from ari_app.access.scopes import Access

log = structlog.get_logger("agi_router.access")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRules:
    """Which proxies are believed, and by which header.

    And how often may be asked: with a key (None: as often as one likes), and wrongly.
    """

    proxies: tuple[Network, ...] = ()
    proxy_header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR
    requests_per_minute: int | None = None
    wrong_keys_per_minute: int = 10


@dataclass(frozen=True, slots=True)
class Admitted:
    """Come in. `quota` is how the key stands with its requests; where it is used up, this one came too early."""

    access: Access
    quota: Quota | None


@dataclass(frozen=True, slots=True)
class Refused:
    """No key, or none that is taken from there; nobody outside is told which."""

    has_token: bool


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many wrong keys came from this address: none is looked at for so many seconds."""

    for_s: float


def _now() -> datetime:
    return datetime.now(UTC)


class Doorkeeper:
    """Asked for each request. Its memory is bounded, and it waits for nothing."""

    def __init__(
        self, keyring: Keyring, rules: DoorRules, clock: Clock = monotonic_ns, now: Callable[[], datetime] = _now
    ) -> None:
        self._keyring = keyring
        self._rules = rules
        self._now = now
        self._requests = RequestRates(clock)
        self._guesses = Guesses(clock)

    @property
    def proxy_header(self) -> str:
        """The name of the header whose values `address_of` and `admit` take as `forwarded`."""
        return self._rules.proxy_header

    def address_of(self, peer: str, forwarded: Sequence[str]) -> Address:
        """Where a request comes from. Raises NoAddressError."""
        return client_address(peer, forwarded, self._rules.proxies, self._rules.proxy_header)

    def trusts(self, peer: str) -> bool:
        """Whether this is a trusted proxy, which is believed who was there before it."""
        return contains(self._rules.proxies, address(peer.partition("%")[0]))

    def admit(self, peer: str, forwarded: Sequence[str], tokens: Sequence[str]) -> Admitted | Refused | Locked:
        """Who asks. `tokens` are those of all its headers; two different ones are none."""
        if not tokens:
            return Refused(has_token=False)
        token = tokens[0] if len(set(tokens)) == 1 else ""
        try:
            address = self.address_of(peer, forwarded)
        except NoAddressError as error:
            log.warning("a request was not let in", reason=str(error), peer=peer)
            return Refused(has_token=True)
        locked_s = self._guesses.locked_for_s(address, self._rules.wrong_keys_per_minute)
        if locked_s > 0 and not self._guesses.was_right(address, token):
            return Locked(locked_s)
        access = self._keyring.check(token, address, self._now())
        if isinstance(access, Denied):
            if self._guesses.note(address, token):
                log.warning("a request was not let in", reason=str(access.why), key=access.key, address=str(address))
            return Refused(has_token=True)
        self._guesses.note_right(address, token)
        limit = self._keyring.limits_of(access.key).requests_per_minute or self._rules.requests_per_minute
        return Admitted(access, None if limit is None else self._requests.take(access.key_id, limit))

    def is_welcome(self, access: Access) -> bool:
        """Whether who was let in may stay: his key was neither revoked nor replaced since, nor has it expired or lost a
        scope or his network.
        """
        return self._keyring.is_good(access, self._now())
