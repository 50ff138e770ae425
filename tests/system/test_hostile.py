"""Callers, phones and dialplans that do what nobody expects of them."""

import asyncio

from sipmessage import URI, Address

from ari_app.domain.record import Disposition
from sandbox import Phone
from sandbox.router import Config
from tests.system.rig import running


class PhoneWithContact(Phone):
    """A phone that registers whatever contact it is told."""

    registers: Address

    @property
    def contact(self) -> Address:
        """The contact that it registers."""
        return self.registers


async def test_a_phone_cannot_register_its_way_to_the_trunk() -> None:
    async with running() as rig, Phone.provider(rig.asterisk.layout) as provider:
        settings = rig.asterisk.config_dir / "agi-router" / "pjsip.conf"
        settings.write_text(settings.read_text().replace("rewrite_contact = yes", "rewrite_contact = no"))
        await rig.asterisk.cli("module reload res_pjsip.so")
        thief = PhoneWithContact.user(rig.asterisk.layout, "ada")
        thief.registers = Address(URI("sip", "trunk", user="a&PJSIP/+19005550123"))
        async with thief, rig.user("carol") as carol:
            call = await rig.call()
            await (await carol.next_call()).answer()
            await call.answered()
            await call.hang_up()
            await rig.idle()
        assert provider.received == []
        assert [leg.endpoint for leg in (await rig.record()).legs] == ["PJSIP/ada", "PJSIP/carol"]


FALLBACK = "exten => s,1,Verbose"
SECOND_ROUTE = """\
exten => s,1,GotoIf($["${AGI_ROUTER_ROUTE}" = "second"]?own)
 same => n,Set(AGI_ROUTER_ROUTE=second)
 same => n,Goto(agi-router-call,s,1)
 same => n(own),Verbose"""


async def test_a_caller_whom_the_dialplan_sends_in_again_at_once_is_routed_again() -> None:
    def two_routes(config: Config) -> None:
        sales = config["routes"]["sales"]
        config["routes"]["second"] = {**sales, "fallback": [{"endpoint": "PJSIP/bob"}]}
        sales["fallback"] = []

    async with running(two_routes) as rig, rig.user("ada") as ada, rig.user("bob") as bob:
        dialplan = rig.asterisk.config_dir / "agi-router" / "agi-router.conf"
        dialplan.write_text(dialplan.read_text().replace(FALLBACK, SECOND_ROUTE))
        await rig.asterisk.cli("dialplan reload")
        call = await rig.call()
        await (await ada.next_call()).reject()
        await (await ada.next_call()).reject()
        await (await bob.next_call()).answer()
        await call.answered()
        await call.hang_up()
        await rig.idle()
        first, second = await rig.router.records()
        assert (first.route, first.disposition) == ("sales", Disposition.TO_DIALPLAN)
        assert (second.route, second.disposition) == ("second", Disposition.ANSWERED)


async def test_callers_who_come_while_the_router_stops_are_all_sent_on() -> None:
    async with running() as rig:
        calls = []
        for number in range(60):
            if number == 30:
                stopping = asyncio.create_task(rig.router.stop())
            calls.append(await rig.call())
            await asyncio.sleep(0.004)  # one after the other, so that one meets the end of the event stream
        assert await stopping == 0
        assert {await call.final_status() for call in calls} <= {480, 486, 503}
        records = await rig.router.records()
        assert [record for record in records if record.ended_at is None] == []
