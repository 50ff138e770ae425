"""What the tests of click to dial share: the numbers, the configuration, and three phones of one agent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ari_app.domain.record import CallRecord
from sandbox import Phone
from sandbox.phone.incoming import IncomingCall
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import ADA, Rig

CUSTOMER = "+14155550123"
BOB = "77"
ADA_HZ, CUSTOMER_HZ = 1000, 700
DEVICES = ("ada", "ada-desk", "ada-mobile")
ELSEWHERE = "elsewhere"
"""What the Reason of a CANCEL or BYE has after which a phone shows no missed call."""


def clickable(config: Config) -> None:
    """Ada's extension is 101, Bob's 102; her phone on the desk picks up by itself.

    A customer's phone may take its time before it rings: no other trunk is tried meanwhile.
    """
    config["trunks"][0]["setup_timeout_s"] = PATIENCE_S
    ada, bob = config["directory"]["users"]
    ada |= {
        "extension": "101",
        "devices": ["PJSIP/ada", {"endpoint": "PJSIP/ada-desk", "auto_answer": True}, "PJSIP/ada-mobile"],
    }
    bob["extension"] = "102"


def provider(rig: Rig) -> Phone:
    """Who answers for all customers outside."""
    return Phone.provider(rig.asterisk.layout, tone_hz=CUSTOMER_HZ)


@dataclass(frozen=True, slots=True)
class Agent:
    """Ada at her three phones."""

    phones: tuple[Phone, ...]

    async def reached(self) -> list[IncomingCall]:
        """Her next call, at each of them; they do not ring yet, so that it does not matter whether it is over."""
        return [await phone.next_call() for phone in self.phones]

    async def called(self) -> list[IncomingCall]:
        """Her next call, at each of them, ringing."""
        calls = await self.reached()
        for call in calls:
            await call.ring()
        return calls


@asynccontextmanager
async def agent(rig: Rig) -> AsyncIterator[Agent]:
    """Ada, registered at all of her phones."""
    async with AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(rig.user(name, ADA_HZ)) for name in DEVICES]
        yield Agent(tuple(phones))


async def click(rig: Rig, number: str = CUSTOMER, user: str = ADA, **more: object) -> str:
    """Ask for a call."""
    return await rig.router.place(user=user, number=number, **more)


def outcomes(record: CallRecord) -> dict[str, str]:
    """How the leg to each endpoint ended."""
    return {leg.endpoint.removeprefix("PJSIP/"): leg.outcome for leg in record.legs}
