"""What the doctor says of what calls need outside: devices, trunks and the APIs of routes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from agi_router.directory.trunks import Trunk
from agi_router.lookup.reach import Reached
from agi_router.routing.errors import Failure
from ari_app.asterisk.aors import Aor, Contact
from ari_app.asterisk.devices import DeviceState
from ari_app.doctor.devices import judge_endpoint, judge_trunk
from ari_app.doctor.routes import judge_route
from ari_app.doctor.tokens import judge_token
from tests.unit.doctor.topic import NOW


def reached(address: str = "127.0.0.1", elapsed_ms: float = 3, days_left: int | None = None) -> Reached:
    until = None if days_left is None else NOW + timedelta(days=days_left)
    return Reached(
        address=address, port=443, elapsed_ms=elapsed_ms, tls="TLSv1.3" if until else None, valid_until=until
    )


@pytest.mark.parametrize(
    ("device", "status"),
    [
        (DeviceState("online", ("PJSIP/ada/sip:ada@127.0.0.1",)), "ok"),
        (DeviceState("offline", ("PJSIP/ada/sip:ada@127.0.0.1",)), "warning"),
        (DeviceState("offline", ()), "warning"),
        (DeviceState("missing", ()), "error"),
    ],
)
def test_an_endpoint_must_exist_and_should_have_a_contact_that_answers(device: DeviceState, status: str) -> None:
    finding = judge_endpoint("ada", device, ["user 456"])
    assert (finding.id, finding.status) == ("endpoint:ada", status)
    assert "user 456" in finding.found


NO_AOR, EMPTY, CLOSED = Aor("desk", None), Aor("ada", (), max_contacts=5), Aor("ada", ())
AWAY, MANY_AWAY = Aor("ada", ("ada@@1",), max_contacts=5), Aor("ada", ("ada@@1", "ada@@2"))


@pytest.mark.parametrize(
    ("state", "aors", "status", "word", "remedy"),
    [
        ("missing", None, "error", "no such endpoint", "type = endpoint"),
        ("missing", (), "error", "no aor", "set aors = ada"),
        ("missing", (EMPTY,), "error", "cannot tell", "chan_pjsip.so"),
        ("offline", (NO_AOR,), "error", "no aor desk", "add [desk] with type = aor and max_contacts = 5"),
        ("offline", (NO_AOR, AWAY), "warning", "1 contact, and none answers", "network"),
        ("offline", (MANY_AWAY,), "warning", "2 contacts, and none answers", "network"),
        ("offline", (CLOSED,), "error", "max_contacts = 0", "set max_contacts = 5 in [ada]"),
        ("offline", (EMPTY,), "warning", "no phone is registered", "register one as ada"),
        ("offline", None, "warning", "no phone is registered", "register one as ada"),
    ],
)
def test_why_nothing_would_ring_is_told_apart(
    state: str, aors: tuple[Aor, ...] | None, status: str, word: str, remedy: str
) -> None:
    finding = judge_endpoint("ada", DeviceState(state, ()), ["user 456"], aors)
    assert (finding.id, finding.status) == ("endpoint:ada", status)
    assert word in finding.found
    assert remedy in finding.remedy


GOOD, BAD = Contact("sip:a", True, "Reachable", 4.2), Contact("sip:b", True, "Unreachable", None)
UNWATCHED, NEW = Contact("sip:c", False, "NonQualified", None), Contact("sip:d", True, "NonQualified", None)


@pytest.mark.parametrize(
    ("contacts", "status", "word"),
    [
        ((GOOD,), "ok", "4 ms"),
        ((BAD, GOOD), "ok", "1 others do not"),
        ((BAD,), "error", "does not answer"),
        ((UNWATCHED, BAD), "warning", "not watched"),
        ((NEW,), "warning", "not answered yet"),
        ((), "error", "no contact"),
    ],
)
def test_a_trunk_is_fine_when_one_of_its_contacts_answers(
    contacts: tuple[Contact, ...], status: str, word: str
) -> None:
    aors = (Aor("provider", tuple(contact.uri for contact in contacts)), NO_AOR)[: 2 if contacts else 1]
    finding = judge_trunk(Trunk(name="main", endpoint="provider"), aors, contacts)
    assert (finding.id, finding.status) == ("trunk:main", status)
    assert word in finding.found


@pytest.mark.parametrize(
    ("aors", "word", "remedy"),
    [
        (None, "no endpoint", "add [provider] with type = endpoint"),
        ((), "has no aor", "set aors = provider"),
        ((NO_AOR,), "names the aor desk", "add [desk] with type = aor and contact"),
    ],
)
def test_a_trunk_without_a_way_out_is_told_what_it_lacks(aors: tuple[Aor, ...] | None, word: str, remedy: str) -> None:
    finding = judge_trunk(Trunk(name="main", endpoint="provider"), aors, ())
    assert finding.status == "error"
    assert word in finding.found
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("url", "outcome", "status"),
    [
        ("https://crm.example.com/", reached("93.184.216.34", days_left=90), "ok"),
        ("https://crm.example.com/", reached("93.184.216.34", days_left=13), "warning"),
        ("http://crm.example.com/", reached("93.184.216.34"), "warning"),
        ("http://10.0.0.5/", reached("10.0.0.5"), "ok"),
        ("http://[fd00::5]/", reached("fd00::5"), "ok"),
        ("https://crm.example.com/", reached("93.184.216.34", elapsed_ms=500, days_left=90), "warning"),
        ("https://crm.example.com/", Failure("network_denied", "denied", "allow it"), "error"),
    ],
)
def test_a_route_is_as_good_as_the_way_to_its_api(url: str, outcome: Reached | Failure, status: str) -> None:
    finding = judge_route("sales", url, outcome, NOW)
    assert (finding.id, finding.status) == ("route:sales", status)


TOKEN = {
    "route": "sales",
    "endpoint": "the token endpoint at login.example.com",
    "grant": "refresh_token",
    "is_usable": True,
    "obtained_at": "2026-03-01T09:00:00+00:00",
    "valid_until": "2026-03-01T10:00:00+00:00",
    "failure": None,
    "next_try_at": None,
}
REVOKED = {
    "failure": {"code": "oauth_refused", "message": "invalid_grant", "remedy": "authorise again"},
    "next_try_at": "2026-03-01T09:15:00+00:00",
}


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        (TOKEN, "ok", "valid until 2026-03-01 10:00:00 UTC"),
        (TOKEN | {"valid_until": None}, "ok", "until the API refuses it"),
        (TOKEN | REVOKED, "warning", "cannot be renewed: invalid_grant (oauth_refused)"),
        (TOKEN | REVOKED | {"is_usable": False}, "error", "authorise again; it is asked again at 2026-03-01 09:15"),
        (TOKEN | {"is_usable": False, "obtained_at": None, "valid_until": None}, "warning", "no token has come yet"),
        (None, "warning", "restart it"),
    ],
)
def test_the_token_of_a_route_is_judged(state: Mapping[str, Any] | None, verdict: str, said: str) -> None:
    finding = judge_token("sales", state)
    assert (finding.id, finding.status) == ("token:sales", verdict)
    assert said in f"{finding.found} {finding.remedy}"
