"""`agi-router test-route` beside a real Asterisk: it shows what would ring, rings nobody, and leaves nothing behind."""

from typing import Any

from sandbox import Answer, Phone
from sandbox.router import Config, Router
from tests.command import Command, Ran
from tests.promised import DRY_RUN_KEYS
from tests.system.rig import ADA, CALLER, DID, Rig, origin, running

OUTSIDE = "+14155550123"


async def dry_run(router: Router, *words: str) -> Ran:
    return await Command(router.config_path)("test-route", *words)


def told(ran: Ran) -> dict[str, Any]:
    answer: dict[str, Any] = ran.json
    assert list(answer) == DRY_RUN_KEYS
    return answer


def with_more_devices(config: Config) -> None:
    """Ada has a device that Asterisk does not know, and one outside; route `outside` answers with a number."""
    config["directory"]["users"][0]["devices"] += ["PJSIP/ghost", {"external": OUTSIDE}]
    api = origin(config)
    config["routes"]["outside"] = {
        "request": {"url": f"{api}/outside?n={{{{callerNumber}}}}"},
        "response": {"type": "external", "path": "to"},
        "fallback": [{"user": ADA, "timeout_s": 20}, {"external": "+5352345678"}],
    }


def telling_everything(config: Config) -> None:
    fields = {"name": "{{callerName}}", "called": "{{calledNumber}}", "digits": "{{callerNumberDigits}}"}
    config["routes"]["sales"]["request"]["fields"] = {**fields, "foo": "{{header.X-Foo}}", "route": "{{routeName}}"}


def contact(phone: Phone) -> str:
    return f"sip:{phone.name}@{phone.contact.uri.host}:{phone.contact.uri.port}"


async def nothing_happened(rig: Rig, *phones: Phone) -> None:
    """No phone rang, no call is on record, and Asterisk has no channel left."""
    assert [phone.name for phone in phones if phone.received] == []
    assert await rig.router.records() == []
    await rig.nothing_is_left()


async def test_devices_are_shown_with_contacts_and_state_and_nobody_rings() -> None:
    async with (
        running(with_more_devices) as rig,
        rig.online("ada") as ada,
        rig.online("ada") as again,
        rig.online("ada-desk") as desk,
        Phone.provider(rig.asterisk.layout) as provider,
    ):
        ran = await dry_run(rig.router, "sales", CALLER, "--json")
        shown = told(ran)
        assert (ran.status, ran.err, shown["error"]) == (0, "", None)
        assert (shown["route"], shown["value"], shown["destination"]) == ("sales", ADA, {"type": "user", "value": ADA})
        shown["devices"][0]["contacts"].sort()
        assert shown["devices"] == [
            {
                "endpoint": "PJSIP/ada",
                "contacts": sorted([contact(ada), contact(again)]),
                "state": "online",
                "confirm": False,
            },
            {"endpoint": "PJSIP/ada-desk", "contacts": [contact(desk)], "state": "online", "confirm": False},
            {"endpoint": "PJSIP/ada-mobile", "contacts": [], "state": "offline", "confirm": False},
            {"endpoint": "PJSIP/ghost", "contacts": [], "state": "missing", "confirm": False},
            {"endpoint": f"PJSIP/{OUTSIDE}@trunk", "contacts": None, "state": "online", "confirm": False},
        ]
        people = await dry_run(rig.router, "sales", CALLER)
        assert people.rows[-7:] == [
            *(row for row in people.rows if row.startswith("would ring PJSIP/ada (online) at sip:ada@")),
            f"would ring PJSIP/ada-desk (online) at {contact(desk)}",
            "cannot ring PJSIP/ada-mobile (offline): not registered",
            "cannot ring PJSIP/ghost: Asterisk has no such endpoint",
            f"would ring PJSIP/{OUTSIDE}@trunk (online)",
            "then endpoint carol, at most 20 s",
            "then hangup busy",
        ]
        await nothing_happened(rig, ada, again, desk, provider)


async def test_without_the_router_devices_are_shown_all_the_same_and_without_asterisk_they_are_named() -> None:
    async with running() as rig, rig.online("ada") as ada:
        await rig.router.stop()
        ran = await dry_run(rig.router, "sales", CALLER, "--json")
        assert ran.status == 0
        assert told(ran)["devices"] == [
            {"endpoint": "PJSIP/ada", "contacts": [contact(ada)], "state": "online", "confirm": False},
            {"endpoint": "PJSIP/ada-desk", "contacts": [], "state": "offline", "confirm": False},
            {"endpoint": "PJSIP/ada-mobile", "contacts": [], "state": "offline", "confirm": False},
        ]
        await rig.asterisk.stop()
        ran = await dry_run(rig.router, "sales", CALLER, "--json")
        assert (ran.status, ran.err, told(ran)["error"]) == (0, "", None)
        assert told(ran)["destination"] == {"type": "user", "value": ADA}
        assert told(ran)["devices"] == [
            {"endpoint": endpoint, "contacts": None, "state": None, "confirm": False}
            for endpoint in ("PJSIP/ada", "PJSIP/ada-desk", "PJSIP/ada-mobile")
        ]
        assert ada.received == []
        # Both come back to see that neither holds a trace of it.
        await rig.asterisk.start()
        await rig.router.start()
        await nothing_happened(rig, ada)


async def test_what_the_policy_refuses_ends_with_the_reason_and_status_1() -> None:
    async with running(with_more_devices) as rig, Phone.provider(rig.asterisk.layout) as provider:
        rig.api.answers["/outside"] = Answer(body={"to": "+5352345678"})
        ran = await dry_run(rig.router, "outside", CALLER, "--json")
        assert (ran.status, told(ran)["devices"]) == (1, [])
        assert told(ran)["destination"] == {"type": "external", "value": "+5352345678"}
        assert told(ran)["error"]["code"] == "policy_region"
        assert sorted(told(ran)["error"]) == ["code", "message", "remedy"]
        people = await dry_run(rig.router, "outside", CALLER)
        assert people.status == 1
        assert "[policy_region]" in people.err
        assert people.rows[-3:] == [
            f"then user {ADA}, at most 20 s",
            "then external +5352345678: refused, +5352345678 is in CU, and policy.regions allows US",
            "then back to the dialplan",
        ]
        await nothing_happened(rig, provider)


async def test_the_dry_run_asks_exactly_what_a_call_asks_and_does_not_disturb_it() -> None:
    async with running(telling_everything) as rig, rig.user("ada") as ada:
        call = await rig.carrier.call(DID, caller=CALLER, caller_name="Grace", headers={"X-Foo": "gold"})
        ringing = await ada.next_call()
        imagined = ("--name", "Grace", "--called", DID, "--header", "X-Foo=gold")
        ran = await dry_run(rig.router, "sales", CALLER, *imagined, "--json")
        assert ran.status == 0
        of_the_call, of_the_dry_run = rig.api.requests
        assert of_the_dry_run == of_the_call
        await ringing.answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        assert len(ada.received) == 1
        assert (await rig.record()).disposition == "answered"
