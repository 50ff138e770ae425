"""Callers of every kind are routed, and whoever they reach sees of them what they let be seen."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from ari_app.domain.record import CallRecord, Disposition
from sandbox import Answer, Phone, ReceivedRequest
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall
from sandbox.router import Config
from tests.system.rig import ADA, ANSWER, CALLER, DID, Rig, origin, running

# One Asterisk and one router serve the calls of the whole file, one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")

OUTSIDE = "+14155550123"
HIDDEN = "+14155550199"  # called from by nobody who shows it


def told_everything(config: Config) -> None:
    """The API is told all that is known of the caller; each trunk has a user, a number outside."""
    api = origin(config)
    config["routes"]["sales"] = {
        "request": {
            "url": f"{api}{ANSWER}",
            "deadline_s": 10,
            "fields": {
                "number": "{{callerNumber}}",
                "national": "{{callerNumberNational}}",
                "name": "{{callerName}}",
                "called": "{{calledNumber}}",
                "foo": "{{header.X-Foo}}",
                "tier": "{{var.CUSTOMER_TIER}}",
            },
        },
        "response": {"type": "user", "path": "to"},
        "fallback": [{"hangup": "congestion"}],
    }
    config["trunks"] = [
        {"name": "shown", "endpoint": "PJSIP/trunk", "caller_id": "caller"},
        {"name": "own", "endpoint": "PJSIP/trunk", "caller_id": DID},
        {"name": "called", "endpoint": "PJSIP/trunk", "number_format": "digits", "numbers": [DID]},
        {"name": "nothing", "endpoint": "PJSIP/trunk"},
    ]
    config["directory"]["users"] += [
        {"id": trunk["name"], "devices": [{"external": OUTSIDE, "trunk": trunk["name"]}]} for trunk in config["trunks"]
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    async with running(told_everything) as rig:
        yield rig


class Contact:
    """One call that reached a phone: what the phone saw, what the API was told, what is on record."""

    def __init__(self, seen: IncomingCall, told: ReceivedRequest, record: CallRecord) -> None:
        self.seen = seen
        self.invite = bytes(seen.invite).decode()
        self.told = told.query
        self.record = record


async def reach(rig: Rig, phone: Phone, call: OutgoingCall) -> Contact:
    """The phone that rings is busy, and so is everybody."""
    ringing = await phone.next_call()
    await ringing.reject(486)
    assert await call.final_status() == 503
    await rig.idle()
    record = (await rig.router.records())[-1]
    assert record.disposition is Disposition.REJECTED
    return Contact(ringing, rig.api.requests[-1], record)


async def reach_ada(
    rig: Rig,
    *,
    number: str = DID,
    caller: str = CALLER,
    name: str = "",
    withheld: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Contact:
    rig.api.answers[ANSWER] = Answer(body={"to": ADA})
    async with rig.user("ada") as ada:
        call = await rig.carrier.call(number, caller=caller, caller_name=name, withheld=withheld, headers=headers)
        return await reach(rig, ada, call)


async def reach_outside(
    rig: Rig, trunk: str, *, number: str = DID, caller: str, name: str = "", withheld: bool = False
) -> Contact:
    rig.api.answers[ANSWER] = Answer(body={"to": trunk})
    async with Phone.provider(rig.asterisk.layout) as provider:
        call = await rig.carrier.call(number, caller=caller, caller_name=name, withheld=withheld)
        return await reach(rig, provider, call)


def sender(rig: Rig, identity: str) -> dict[str, str]:
    """A From header of one's own; `identity` stands for a display name and a user part."""
    name, _, user = identity.rpartition(" ")
    at = f"{user}@" if user else ""
    return {"From": f"{name} <sip:{at}{rig.asterisk.address}>;tag=7f3a"}


async def test_a_customer_is_shown_to_the_agent_and_told_to_the_api(rig: Rig) -> None:
    contact = await reach_ada(rig, name="Grace Hopper")
    assert (contact.seen.caller_number, contact.seen.caller_name) == (CALLER, "Grace Hopper")
    assert contact.told == {
        "number": CALLER,
        "national": "4155550177",
        "name": "Grace Hopper",
        "called": DID,
        "foo": "",
        "tier": "",
    }
    assert (contact.record.caller_number, contact.record.caller_name) == (CALLER, "Grace Hopper")


async def test_a_withheld_number_is_told_to_nobody(rig: Rig) -> None:
    contact = await reach_ada(rig, caller=HIDDEN, name="Grace Hopper", withheld=True)
    assert contact.seen.caller_number == "anonymous"
    assert HIDDEN[2:] not in contact.invite
    assert "Grace" not in contact.invite
    assert (contact.told["number"], contact.told["national"], contact.told["name"]) == ("", "", "")
    record = contact.record
    assert (record.caller_withheld, record.caller_number, record.caller_name) == (True, "", "")
    for file in rig.router.config_path.parent.iterdir():
        if file.is_file():
            assert HIDDEN[2:].encode() not in file.read_bytes(), file


async def test_a_withheld_number_leaves_by_a_trunk_only_for_the_network(rig: Rig) -> None:
    contact = await reach_outside(rig, "shown", caller=HIDDEN, withheld=True)
    assert contact.seen.caller_number == "anonymous"
    assert contact.seen.headers.get("Privacy") == "id"
    asserted = contact.seen.headers.get("P-Asserted-Identity") or ""
    assert HIDDEN in asserted
    assert contact.invite.count(HIDDEN[2:]) == 1


@pytest.mark.parametrize("withheld", [False, True])
async def test_a_trunk_with_a_caller_id_of_its_own_shows_nothing_of_the_caller(rig: Rig, withheld: bool) -> None:
    contact = await reach_outside(rig, "own", caller=HIDDEN, name="Grace Hopper", withheld=withheld)
    assert (contact.seen.caller_number, contact.seen.caller_name) == (DID, "")
    assert contact.seen.headers.get("Privacy") is None
    assert HIDDEN[2:] not in contact.invite
    assert "Grace" not in contact.invite


@pytest.mark.parametrize(("called", "shown"), [(DID, DID[1:]), ("+14155550111", "anonymous")])
async def test_a_trunk_is_shown_the_called_number_only_where_it_is_ours(rig: Rig, called: str, shown: str) -> None:
    contact = await reach_outside(rig, "called", caller=HIDDEN, number=called)
    assert contact.seen.caller_number == shown
    assert HIDDEN[2:] not in contact.invite
    assert (called[1:] in contact.invite) == (called == DID)


@pytest.mark.parametrize("withheld", [False, True])
async def test_a_trunk_without_a_caller_id_is_shown_no_number(rig: Rig, withheld: bool) -> None:
    contact = await reach_outside(rig, "nothing", caller=HIDDEN, name="Grace Hopper", withheld=withheld)
    assert contact.seen.caller_number == "anonymous"
    assert (contact.seen.headers.get("P-Asserted-Identity"), contact.seen.headers.get("Privacy")) == (None, None)
    assert HIDDEN[2:] not in contact.invite
    assert "Grace" not in contact.invite


async def test_a_caller_who_is_called_anonymous_counts_as_withheld(rig: Rig) -> None:
    contact = await reach_ada(rig, headers={"From": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=7f3a'})
    assert contact.seen.caller_number == "anonymous"
    assert contact.told["number"] == ""
    assert (contact.record.caller_withheld, contact.record.caller_number) == (True, "")


async def test_a_colleague_who_calls_our_number_is_routed_by_the_extension(rig: Rig) -> None:
    pjsip = rig.asterisk.config_dir / "pjsip.conf"
    pjsip.write_text(f'{pjsip.read_text()}\n[bob](+)\ncallerid = "Bob" <101>\n')
    await rig.asterisk.cli("module reload res_pjsip.so")
    rig.api.answers[ANSWER] = Answer(body={"to": ADA})
    async with rig.user("ada") as ada, rig.user("bob") as bob:
        contact = await reach(rig, ada, await bob.call(DID))
    assert (contact.seen.caller_number, contact.seen.caller_name) == ("101", "Bob")
    assert (contact.told["number"], contact.told["national"], contact.told["name"]) == ("101", "101", "Bob")
    assert (contact.record.caller_number, contact.record.called_number) == ("101", DID)


async def test_a_caller_who_has_a_sip_address_and_no_number_is_routed_by_it(rig: Rig) -> None:
    contact = await reach_ada(rig, caller="alice.smith")
    assert contact.seen.caller_number == "alice.smith"
    assert (contact.told["number"], contact.told["national"]) == ("alice.smith", "alice.smith")
    assert (contact.record.caller_number, contact.record.caller_withheld) == ("alice.smith", False)


async def test_a_caller_without_any_number_is_routed(rig: Rig) -> None:
    contact = await reach_ada(rig, headers=sender(rig, ""))
    assert contact.told["number"] == ""
    assert (contact.record.caller_number, contact.record.caller_withheld) == ("", False)


@pytest.mark.parametrize("name", ["Zoë 王 Ω", "A&B, C|D (E) ${EXTEN}", "A%0D%0AX-Evil: 1"])
async def test_a_name_reaches_phone_and_api_as_it_is(rig: Rig, name: str) -> None:
    contact = await reach_ada(rig, name=name)
    assert contact.seen.caller_name == name
    assert (contact.told["name"], contact.record.caller_name) == (name, name)


async def test_quotes_in_a_name_stay_inside_the_name(rig: Rig) -> None:
    contact = await reach_ada(rig, headers=sender(rig, rf'"Joe \"X\" <sip:evil@example.com>" {CALLER}'))
    assert contact.seen.caller_number == CALLER
    assert contact.told["name"] == contact.record.caller_name == 'Joe "X" <sip:evil@example.com>'


@pytest.mark.parametrize(
    ("user", "known_as"),
    [
        ("+1415%0d%0aX-Evil%3a%201", "+1415X-Evil: 1"),
        ("123&PJSIP/bob", "123&PJSIP/bob"),
        ("%24%7bEXTEN%7d", "${EXTEN}"),
        ("%01%1b%5b2J%22%3c", '[2J"<'),
    ],
)
async def test_a_number_made_to_break_out_stays_a_number(rig: Rig, user: str, known_as: str) -> None:
    contact = await reach_ada(rig, headers=sender(rig, f'"Eve" {user}'))
    assert [line for line in contact.invite.splitlines() if line.lower().startswith("x-evil")] == []
    assert contact.seen.caller_name == "Eve"
    assert (contact.told["number"], contact.record.caller_number) == (known_as, known_as)
    assert len(contact.told) == 6


async def test_a_sip_header_reaches_the_api(rig: Rig) -> None:
    contact = await reach_ada(rig, headers={"X-Foo": "gold &number=1#%0d%0a ü"})
    assert contact.told["foo"] == "gold &number=1#%0d%0a ü"
    assert contact.told["number"] == CALLER


async def test_a_channel_variable_and_the_called_number_of_the_dialplan_reach_the_api(rig: Rig) -> None:
    steps = ("Set(CUSTOMER_TIER=gold & silver)", "Set(FROM_DID=+14155550111)", "Goto(agi-router,s,1)")
    for priority, step in enumerate(steps, 1):
        said = await rig.asterisk.cli(f'dialplan add extension did,{priority},"{step}" into from-carrier')
        assert "added" in said
    contact = await reach_ada(rig, number="did")
    assert (contact.told["tier"], contact.told["called"]) == ("gold & silver", "+14155550111")
    assert contact.record.called_number == "+14155550111"
