"""A small company that takes calls: its Asterisk, its CRM, its router, its phones. All real, all on 127.0.0.0/8."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import NoReturn

from sandbox.asterisk import Asterisk, RunningAsterisk
from sandbox.demo.beside import AsteriskBeside, Beside, RouterBeside
from sandbox.demo.part import Part, PartLostError, loss
from sandbox.demo.phone import CALLER_TONE_HZ
from sandbox.layout import Layout, free_port, phone_password
from sandbox.phone import Phone
from sandbox.router import Config, Router, router_config

OFFICE = "+14155550100"
GRACE, STRANGER, YOU = "+14155550177", "+12125550123", "+14155550188"
ADA = "456"
CRM = "the CRM"
SOFTPHONE = "softphone"
ANSWER_PATH = "calls[0].user.id"

# What each phone sends in a call, in Hz; no two alike, so that whoever listens knows whom he hears.
TONES: Mapping[str, int] = {"ada": 1000, "ada-desk": 1100, "ada-mobile": 1200, "bob": 900}
OWNERS: Mapping[str, str] = {"ada": "Ada", "ada-desk": "Ada", "ada-mobile": "Ada", "bob": "Bob"}
EXTENSIONS: Mapping[str, str] = {"Ada": "101", "Bob": "102"}
# Long enough for the others to ring as well, each of them a process of its own, also where these have much company.
ANSWERS_AFTER_S: Mapping[str, float] = {"ada-mobile": 3.0, "bob": 1.5}

# For a softphone: a number that the CRM knows a caller at, one where it does not, one whose CRM is not there.
SHORT_NUMBERS = """
[from-phones](+)
exten => 200,1,Set(AGI_ROUTER_ROUTE=support)
 same => n,Goto(agi-router,${EXTEN},1)
exten => 300,1,Set(AGI_ROUTER_ROUTE=outage)
 same => n,Goto(agi-router,${EXTEN},1)
"""
THIS_MACHINE = "127.0.0.0/8"  # where whoever watches has a receiver of webhooks
SOFTPHONE_ENDPOINT = """
[{name}](agi-router-phone)
context = from-phones
aors = {name}
auth = {name}
callerid = You <{number}>
media_address = {address}
bind_rtp_to_media_address = yes
[{name}](agi-router-aor)
[{name}](agi-router-auth)
username = {name}
password = {password}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The parts, all running. `carrier` is where callers from outside come from."""

    asterisk: Asterisk | AsteriskBeside
    router: Router | RouterBeside
    crm: Part
    crm_url: str
    phones: Mapping[str, Part]
    carrier: Phone

    @property
    def pids(self) -> Mapping[str, int]:
        """What runs now, and as which process; without what others have started."""
        parts = {"Asterisk": self.asterisk.pid, "the router": self.router.pid, CRM: self.crm.pid}
        parts |= {name: phone.pid for name, phone in self.phones.items()}
        return {name: pid for name, pid in parts.items() if pid is not None}

    def forget(self) -> None:
        """A new call begins: what the phones and the CRM told belongs to the last one."""
        for part in (self.crm, *self.phones.values()):
            part.forget()

    async def first_loss(self, but: Sequence[str] = ()) -> NoReturn:
        """Watch over all parts `but` these; raises PartLostError as soon as one is gone."""
        watches = [asyncio.create_task(loss(name, pid)) for name, pid in self.pids.items() if name not in but]
        beside = [part for part in (self.asterisk, self.router) if isinstance(part, AsteriskBeside | RouterBeside)]
        watches += [asyncio.create_task(part.lost()) for part in beside]
        try:
            done, _ = await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for watch in watches:
                watch.cancel()
        raise PartLostError(" ".join(sorted(watch.result() for watch in done)))


@asynccontextmanager
async def company(waiting: Callable[[str], None], beside: Beside | None = None) -> AsyncIterator[Company]:
    """Everything up; and down again at the end. With `beside`, its Asterisk and its router are used, and stay up.

    `waiting` is told what it waits for next.
    """
    async with AsyncExitStack() as stack:
        waiting("Asterisk")
        asterisk = beside.asterisk if beside else await stack.enter_async_context(_own_asterisk())
        layout = asterisk.layout
        port = beside.crm_port if beside else free_port(layout.api, socket.SOCK_STREAM)
        url = crm_at(layout, port)
        if beside:
            waiting("the router beside the demo to reach Asterisk")
            await beside.ready()
        customers = (f"{number}={ADA}" for number in (GRACE, YOU))
        crm = await stack.enter_async_context(Part(CRM, "sandbox.demo.crm", layout.api, str(port), *customers))
        phones = {name: await stack.enter_async_context(_phone(asterisk, name)) for name in TONES}
        if not beside:
            waiting("the router, which makes its database and connects to Asterisk")
        router = beside.router if beside else await stack.enter_async_context(Router(demo_config(asterisk, url)))
        waiting("the CRM and the phones")
        await asyncio.gather(crm.ready(), *(phone.ready() for phone in phones.values()))
        carrier = await stack.enter_async_context(Phone.carrier(layout, tone_hz=CALLER_TONE_HZ))
        yield Company(asterisk=asterisk, router=router, crm=crm, crm_url=url, phones=phones, carrier=carrier)


def crm_at(layout: Layout, port: int) -> str:
    """The CRM at this port."""
    return f"http://{layout.api}:{port}"


def demo_config(asterisk: RunningAsterisk, crm_url: str) -> Config:
    """The router's configuration: the sandbox's, with Bob as the fallback; more routes, extensions, a REST API."""
    search = f"{crm_url}/v1/calls/search?order=desc&phone_number="
    config = router_config(asterisk, f"{search}{{{{callerNumber}}}}")
    for user in config["directory"]["users"]:
        user["extension"] = EXTENSIONS[user["name"]]
    sales = config["routes"]["sales"]
    sales["response"] = {"type": "user", "path": ANSWER_PATH}
    sales["ringing"] = {"timeout_s": 10}
    sales["fallback"] = [{"user": "77", "timeout_s": 10}, {"hangup": "busy"}]
    nobody_there = f"http://{asterisk.layout.api}:{free_port(asterisk.layout.api, socket.SOCK_STREAM)}/"
    config["routes"]["support"] = deepcopy(sales) | {"request": {"url": f"{search}{{{{calledNumber}}}}"}}
    config["routes"]["outage"] = deepcopy(sales) | {"request": {"url": nobody_there}}
    config["defaults"]["recording"] = "on_demand"
    config["network"]["allowed_networks"].append(THIS_MACHINE)
    port = free_port(asterisk.address, socket.SOCK_STREAM)
    config["web"] = {"listen": [f"{asterisk.address}:{port}"]}
    return config


def _phone(asterisk: RunningAsterisk, name: str) -> Part:
    layout = asterisk.layout
    arguments = ["--server", f"{layout.asterisk}:{layout.sip_port}", "--address", layout.phone]
    arguments += ["--tone", str(TONES[name])]
    if name in ANSWERS_AFTER_S:
        arguments += ["--answer-after", str(ANSWERS_AFTER_S[name])]
    return Part(name, "sandbox.demo.phone", name, *arguments)


def softphone_endpoint(asterisk: RunningAsterisk) -> str:
    """One more endpoint, for whoever watches; its number is one that the CRM knows."""
    return SOFTPHONE_ENDPOINT.format(
        name=SOFTPHONE, number=YOU, address=asterisk.address, password=phone_password(SOFTPHONE)
    )


@asynccontextmanager
async def _own_asterisk() -> AsyncIterator[Asterisk]:
    async with Asterisk(extra_dialplan=SHORT_NUMBERS) as asterisk:
        with (asterisk.config_dir / "pjsip.conf").open("a") as file:
            file.write(softphone_endpoint(asterisk))
        await asterisk.cli("module reload res_pjsip.so")
        yield asterisk
