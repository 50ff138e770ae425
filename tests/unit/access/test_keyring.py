"""Who is let in with which key."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.access.key import ApiKey, Token, new_key
from ari_app.access.keyring import Denied, Keyring, Why
from ari_app.access.networks import EVERYWHERE, Network, address, network
from ari_app.access.scopes import Access, Scope, scopes_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HERE = address("127.0.0.1")
ELSEWHERE = address("192.0.2.7")
TOKEN = Token("0a1b2c3d4e5f", "9f" * 32)
KEY = ApiKey(id=TOKEN.key_id, name="crm", digest=TOKEN.digest, scopes=frozenset({Scope.CALLS_READ}), created_at=NOW)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def test_a_key_is_256_random_bits_of_which_only_a_hash_is_kept() -> None:
    first, token = new_key("crm", KEY.scopes, NOW)
    assert re.fullmatch(r"agr_[0-9a-f]{12}_[0-9a-f]{64}", token.text)
    assert Token.parse(token.text) == token
    assert token.secret not in repr(first)
    assert token.secret not in repr(token)
    second, other = new_key("crm", KEY.scopes, NOW)
    assert len({first.id, second.id, token.secret, other.secret, first.digest, second.digest}) == 6


def test_a_key_that_names_no_network_is_for_this_machine_alone() -> None:
    ring = Keyring([KEY])
    access = Access(key_id=KEY.id, key="crm", scopes=frozenset({Scope.CALLS_READ}), address=HERE, digest=KEY.digest)
    assert ring.check(TOKEN.text, HERE, NOW) == access
    assert ring.check(TOKEN.text, address("::1"), NOW) == replace(access, address=address("::1"))
    assert ring.check(TOKEN.text, address("::ffff:127.0.0.1"), NOW) == access
    assert ring.check(TOKEN.text, ELSEWHERE, NOW) == Denied(Why.NETWORK, "crm")


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (replace(KEY, revoked_at=ago(1)), Why.REVOKED),
        (replace(KEY, expires_at=NOW), Why.EXPIRED),
        (replace(KEY, networks=()), Why.NETWORK),
        (replace(KEY, networks=(network("192.0.2.0/24"),)), Why.NETWORK),
        (replace(KEY, revoked_at=ago(1), expires_at=ago(2), networks=()), Why.REVOKED),
    ],
)
def test_a_right_secret_alone_lets_nobody_in(key: ApiKey, why: Why) -> None:
    assert Keyring([key]).check(TOKEN.text, HERE, NOW) == Denied(why, "crm")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", Why.MALFORMED),
        ("agr_", Why.MALFORMED),
        (TOKEN.secret, Why.MALFORMED),
        (TOKEN.text + "\n", Why.MALFORMED),
        (TOKEN.text.replace("agr", "AGR"), Why.MALFORMED),
        (f"agr_{KEY.id}_{KEY.digest[:-1]}", Why.MALFORMED),
        (f"agr_{KEY.id}_{KEY.digest}", Why.WRONG_SECRET),
        (f"agr_{KEY.id}_{'0' * 64}", Why.WRONG_SECRET),
        (f"agr_{'0' * 12}_{TOKEN.secret}", Why.UNKNOWN),
    ],
)
def test_a_wrong_secret_does_not_even_tell_the_name_of_the_key(token: str, why: Why) -> None:
    expired_elsewhere = replace(KEY, revoked_at=ago(1), networks=())
    for key in (KEY, expired_elsewhere):
        assert Keyring([key]).check(token, HERE, NOW) == Denied(why)


def test_the_secret_until_now_is_taken_until_its_end() -> None:
    changed, token = KEY.rotated(old_until=NOW + timedelta(hours=1), expires_at=None)
    ring = Keyring([changed])
    assert changed.id == KEY.id
    for each in (TOKEN, token):
        assert isinstance(ring.check(each.text, HERE, NOW), Access)
    later = NOW + timedelta(hours=1)
    assert ring.check(TOKEN.text, HERE, later) == Denied(Why.WRONG_SECRET)
    assert isinstance(ring.check(token.text, HERE, later), Access)
    at_once, _ = KEY.rotated(old_until=None, expires_at=None)
    assert Keyring([at_once]).check(TOKEN.text, HERE, NOW) == Denied(Why.WRONG_SECRET)


def test_the_old_secret_of_a_revoked_key_is_as_dead_as_the_new_one() -> None:
    changed, _ = KEY.rotated(old_until=NOW + timedelta(hours=1), expires_at=None)
    ring = Keyring([replace(changed, revoked_at=NOW)])
    assert ring.check(TOKEN.text, HERE, NOW) == Denied(Why.REVOKED, "crm")


def test_a_key_that_is_put_counts_at_once() -> None:
    ring = Keyring()
    assert ring.check(TOKEN.text, HERE, NOW) == Denied(Why.UNKNOWN)
    ring.put(KEY)
    assert isinstance(ring.check(TOKEN.text, HERE, NOW), Access)
    ring.put(replace(KEY, revoked_at=NOW))
    assert ring.check(TOKEN.text, HERE, NOW) == Denied(Why.REVOKED, "crm")
    assert ring.living("crm") is None


def test_a_use_is_told_once_a_minute_and_a_refusal_is_none() -> None:
    told: list[tuple[str, datetime]] = []
    ring = Keyring([KEY], lambda key_id, at: told.append((key_id, at)))
    for seconds in (0, 1, 59, 61):
        ring.check(TOKEN.text, HERE, NOW + timedelta(seconds=seconds))
    ring.check(TOKEN.text, ELSEWHERE, NOW + timedelta(hours=1))
    assert told == [(KEY.id, NOW), (KEY.id, NOW + timedelta(seconds=61))]
    assert ring.keys[0].last_used_at == NOW + timedelta(seconds=61)


@given(st.text())
def test_no_text_is_a_key(text: str) -> None:
    assert isinstance(Keyring([replace(KEY, networks=EVERYWHERE)]).check(text, HERE, NOW), Denied)


MOMENTS = st.integers(-5, 5).map(lambda minutes: NOW + timedelta(minutes=minutes))


@given(
    revoked=st.none() | MOMENTS,
    expires=st.none() | MOMENTS,
    old_until=st.none() | MOMENTS,
    networks=st.sampled_from([(), (network("127.0.0.1"),), EVERYWHERE]),
    with_old=st.booleans(),
)
def test_who_is_let_in_is_what_each_rule_alone_allows(
    revoked: datetime | None,
    expires: datetime | None,
    old_until: datetime | None,
    networks: tuple[Network, ...],
    with_old: bool,
) -> None:
    fresh, token = KEY.rotated(old_until=old_until, expires_at=expires)
    key = replace(fresh, revoked_at=revoked, networks=networks)
    may = (
        revoked is None
        and (expires is None or expires > NOW)
        and bool(networks)
        and (not with_old or (old_until is not None and old_until > NOW))
    )
    shown = TOKEN if with_old else token
    assert isinstance(Keyring([key]).check(shown.text, HERE, NOW), Access) == may


def test_scopes_are_named_alone_or_by_resource_and_action() -> None:
    assert scopes_of(["calls:place"]) == {Scope.CALLS_PLACE}
    assert scopes_of(["calls:*"]) == {Scope.CALLS_PLACE, Scope.CALLS_READ, Scope.CALLS_STEER}
    assert scopes_of(["*:read"]) == {scope for scope in Scope if scope.endswith(":read")}
    assert scopes_of(["*"]) == scopes_of(["*:*"]) == set(Scope)
    assert scopes_of([]) == set()
    for word in ("", "calls", "calls:", ":read", "call:*", "CALLS:READ", "calls:read:x", "**"):
        with pytest.raises(ValueError, match="is no scope"):
            scopes_of([word])


def test_who_was_let_in_may_stay_for_as_long_as_his_secret_is_taken() -> None:
    ring = Keyring([KEY])
    access = ring.check(TOKEN.text, HERE, NOW)
    assert isinstance(access, Access)
    changed, token = KEY.rotated(old_until=NOW + timedelta(hours=1), expires_at=NOW + timedelta(hours=2))
    steps = [
        (KEY, NOW, True),
        (changed, NOW, True),
        (changed, NOW + timedelta(hours=1), False),
        (replace(changed, old=None), NOW, False),
        (replace(KEY, revoked_at=NOW), NOW, False),
        (replace(KEY, expires_at=NOW), NOW, False),
        (replace(KEY, scopes=KEY.scopes | {Scope.CALLS_PLACE}), NOW, True),
        (replace(KEY, scopes=frozenset({Scope.CALLS_PLACE})), NOW, False),
        (replace(KEY, networks=(network("127.0.0.1"),)), NOW, True),
        (replace(KEY, networks=(network("192.0.2.0/24"),)), NOW, False),
    ]
    for key, at, stays in steps:
        ring.put(key)
        assert ring.is_good(access, at) == stays
    ring.put(changed)
    later = ring.check(token.text, HERE, NOW + timedelta(minutes=90))
    assert isinstance(later, Access)
    assert ring.is_good(later, NOW + timedelta(minutes=119))
    assert not ring.is_good(later, NOW + timedelta(minutes=120))
    assert not Keyring().is_good(access, NOW)
