"""A team that every caller goes to, and what is on record of its members."""

from collections.abc import Sequence
from contextlib import AsyncExitStack

from ari_app.domain import events as e
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.system.rig import CALLER, Change, Rig

OUTSIDE = "+14155550999"
"""A number of the dialplan that dials Bob past the router."""
DIALPLAN = f"""\
[from-carrier](+)
exten => {OUTSIDE},1,Dial(PJSIP/bob,60)
[from-phones](+)
include => agi-router-dnd
"""
USERS = [
    {"id": "1", "name": "Ada", "devices": ["PJSIP/ada"]},
    {"id": "2", "name": "Bob", "extension": "bob", "devices": ["PJSIP/bob"]},
    {"id": "3", "name": "Carol", "devices": ["PJSIP/carol"]},
    {"id": "4", "name": "Dan", "devices": [{"external": "+14155550155"}]},
]


def team(members: Sequence[str], order: str, *, if_busy: str = "ring", timeout_s: float = 25, **keys: object) -> Change:
    """Every caller goes to this team."""

    def change(config: Config) -> None:
        config["directory"] = {
            "users": USERS,
            "teams": [{"id": "7", "name": "Sales", "members": list(members), "order": order, **keys}],
        }
        sales = config["routes"]["sales"]
        sales["response"] = {"path": "calls[0].user.id", "type": "team"}
        sales["ringing"] = {"if_busy": if_busy, "timeout_s": timeout_s}
        sales["fallback"] = [{"hangup": "busy"}]

    return change


def calling_the_team(rig: Rig) -> Rig:
    rig.api.users[CALLER] = "7"
    return rig


async def phones(stack: AsyncExitStack, rig: Rig, *names: str) -> list[Phone]:
    return [await stack.enter_async_context(rig.user(name)) for name in names]


async def devices_known(rig: Rig) -> None:
    await rig.router.until(lambda status: status["watched_devices"] > 0)


async def events(rig: Rig, call: int = -1) -> list[e.CallEvent]:
    record = (await rig.router.records())[call]
    return list(await rig.router.trace(record.call_id))


async def called(rig: Rig, call: int = -1) -> list[str]:
    """Whose turn it was in this call, in this order."""
    return [event.name for event in await events(rig, call) if isinstance(event, e.MemberCalled)]


async def passed(rig: Rig, call: int = -1) -> list[tuple[str, str, bool]]:
    """Who was left out, why, and whether he was waited for."""
    happened = await events(rig, call)
    return [(event.name, event.why, event.is_awaited) for event in happened if isinstance(event, e.MemberPassed)]


async def give_up(rig: Rig, *ringing: Phone) -> None:
    """A caller whom these phones, and no others, ring for; he gives up."""
    call = await rig.call()
    at_phones = [await phone.next_call() for phone in ringing]
    for at_phone in at_phones:
        await at_phone.ring()
    await call.cancel()
    for at_phone in at_phones:
        await at_phone.cancelled()
    await rig.idle()


async def short_talk(rig: Rig, phone: Phone) -> None:
    call = await rig.call()
    await (await phone.next_call()).answer()
    await call.answered()
    await call.hang_up()
    await rig.idle()


async def busy_outside(rig: Rig, bob: Phone) -> IncomingCall:
    """Bob speaks with somebody of whom the router knows nothing."""
    call = await rig.carrier.call(OUTSIDE, caller="+14155550188")
    at_bob = await bob.next_call()
    await at_bob.answer()
    await call.answered()
    await rig.stands("2", state="in_call")
    return at_bob
