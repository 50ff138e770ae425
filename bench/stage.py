"""What is up during a measurement: Asterisk, the router, the phones, and the two ways to them."""

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from pathlib import Path

from bench import api
from bench.errors import BenchError
from sandbox.asterisk import Asterisk
from sandbox.layout import free_port
from sandbox.router import Config, Router, router_config
from sandbox.sipp import Sipp

SCENARIOS = Path(__file__).with_name("scenarios")
USERS = range(api.FIRST_USER, api.FIRST_USER + api.USERS)
SESSION_LIMIT = 1000
NO_LIMITS = dict.fromkeys(
    ("concurrent", "calls_per_minute", "to_one_number_per_hour", "minutes_per_day", "calls_per_day"), "off"
)
AGI_HOST = "127.0.0.1"


class Way(Enum):
    """How a call gets from the caller to the phone; the value is the word in the results."""

    NATIVE = "native"
    ROUTER = "router"  # by the ARI door: the router dials
    AGI = "agi"  # by the AGI door: the router decides, the dialplan dials

    @property
    def number(self) -> str:
        """What is dialled to go this way."""
        match self:
            case Way.NATIVE:
                return "+14155550200"
            case Way.ROUTER:
                return "+14155550100"
            case Way.AGI:
                return "+14155550300"


class Returning(Enum):
    """How a caller gets through who has called before, while the API takes as long as one on the internet."""

    NATIVE = "native"
    CREATED = "created ahead"
    RUNG = "rung ahead"

    @property
    def number(self) -> str:
        """What is dialled to go this way."""
        match self:
            case Returning.NATIVE:
                return "+14155550210"
            case Returning.CREATED:
                return "+14155550110"
            case Returning.RUNG:
                return "+14155550120"

    @property
    def ahead(self) -> str:
        """What the route does while it asks; "" for the native dialplan."""
        match self:
            case Returning.NATIVE:
                return ""
            case Returning.CREATED:
                return "create"
            case Returning.RUNG:
                return "ring"


# What one would write without a router: ask, take the user out of the answer, ring.
NATIVE_DIALPLAN = """
[from-carrier](+)
exten => {number},1,Set(ANSWER=${{CURL({url}?{slow}phone_number=${{URIENCODE(${{CALLERID(num)}})}})}})
 same => n,Set(USER=${{JSON_DECODE(ANSWER,calls.0.user.id)}})
 same => n,Dial(PJSIP/user-${{USER}},25)
 same => n,Hangup(34)
"""

ROUTED_DIALPLAN = """
[from-carrier](+)
exten => {number},1,Set(AGI_ROUTER_ROUTE={route})
 same => n,Goto(agi-router,${{EXTEN}},1)
"""

# The AGI door with its report at the end of each call, as agi-router-agi.conf has it.
AGI_DIALPLAN = """
[globals](+)
AGI_ROUTER_HOST = {host}
[from-carrier](+)
exten => {number},1,Goto(agi-router-agi,${{EXTEN}},1)
"""

# A contact that is always there: nobody needs to register.
PHONE = """
[user-{user}](agi-router-phone)
context = from-phones
aors = user-{user}
media_address = {asterisk}
bind_rtp_to_media_address = yes
[user-{user}](agi-router-aor)
contact = sip:user-{user}@{phone}
"""

# Under load Asterisk may answer the caller before it knows the callee's number, and then tells it by a re-INVITE, which
# sipp's caller does not understand.
CALLER = "[carrier](agi-router-trunk)\n"
NO_REINVITE = "send_connected_line = no\n"

QUIET_LOGGER = """\
[logfiles]
messages = warning,error
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """All running. `phone` is where the one sipp that is all phones listens, and `phone_log` what it notes."""

    asterisk: Asterisk
    router: Router
    api_pid: int
    phone: tuple[str, int]
    phone_log: Path
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(2_000_000))

    def new_callers(self, how_many: int) -> list[str]:
        """Numbers that nobody has called from on this stage; every call has its own, by which both sides know it."""
        return [f"+1212{next(self._numbers):07}" for _ in range(how_many)]


@asynccontextmanager
async def sample_api() -> AsyncIterator[tuple[int, str]]:
    """The API as a process; its id and the URL to ask."""
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig=KILL", sys.executable, "-m", "bench.api"), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None, "stdout is a pipe"
        if not (port := (await process.stdout.readline()).decode().strip()):
            raise BenchError("The sample API did not start. Run python -m bench.api to see why.")
        yield process.pid, f"http://{api.HOST}:{port}/v1/calls/search"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def stage(*, web_connections: int | None = None) -> AsyncIterator[Stage]:
    """Everything up, and down again at the end. A new stage is a new Asterisk: its memory never shrinks.

    With `web_connections` the router has its REST API open, for so many at a time.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        api_pid, api_url = await stack.enter_async_context(sample_api())
        agi_host = f"{AGI_HOST}:{free_port(AGI_HOST, socket.SOCK_STREAM)}"
        asterisk = await stack.enter_async_context(Asterisk(extra_dialplan=_dialplan(api_url, agi_host)))
        address = asterisk.layout.phone
        phone = (address, free_port(address))
        await _prepare(asterisk, f"{phone[0]}:{phone[1]}")
        phone_log = folder / "phone.log"
        sipp = Sipp(str(SCENARIOS / "phone"), "-trace_logs", "-log_file", str(phone_log), local=phone)
        await stack.enter_async_context(sipp)
        config = _router_config(asterisk, api_url, agi_host)
        if web_connections is not None:
            web = f"{api.HOST}:{free_port(api.HOST, socket.SOCK_STREAM)}"
            config["web"] = {"listen": [web], "max_connections": web_connections}
        router = await stack.enter_async_context(Router(config))
        # The one that makes the database has in memory what that takes, and no other router has.
        await router.stop()
        await router.start()
        yield Stage(asterisk=asterisk, router=router, api_pid=api_pid, phone=phone, phone_log=phone_log, folder=folder)


def _dialplan(api_url: str, agi_host: str) -> str:
    ways = [
        NATIVE_DIALPLAN.format(number=Way.NATIVE.number, url=api_url, slow=""),
        AGI_DIALPLAN.format(number=Way.AGI.number, host=agi_host),
    ]
    for returning in Returning:
        number, route = returning.number, returning.ahead
        if route:
            ways.append(ROUTED_DIALPLAN.format(number=number, route=route))
        else:
            ways.append(NATIVE_DIALPLAN.format(number=number, url=api_url, slow="slow=yes&"))
    return "".join(ways)


async def _prepare(asterisk: Asterisk, phone: str) -> None:
    """Phones, a quiet log and room for many requests at once: what a test needs would distort a measurement."""
    etc = asterisk.config_dir
    pjsip = (etc / "pjsip.conf").read_text()
    phones = (PHONE.format(user=user, phone=phone, asterisk=asterisk.address) for user in USERS)
    (etc / "pjsip.conf").write_text(pjsip.replace(CALLER, CALLER + NO_REINVITE) + "".join(phones))
    with (etc / "http.conf").open("a") as http:
        http.write(f"sessionlimit = {SESSION_LIMIT}\n")
    (etc / "logger.conf").write_text(QUIET_LOGGER)
    await asterisk.stop()
    await asterisk.start()


def _router_config(asterisk: Asterisk, api_url: str, agi_host: str) -> Config:
    """The router as anybody runs it. A failed lookup ends the call, so that it counts as failed."""
    config = router_config(asterisk, f"{api_url}?phone_number={{{{callerNumber}}}}")
    config["directory"] = {"users": [{"id": str(user), "devices": [f"PJSIP/user-{user}"]} for user in USERS]}
    config["policy"]["limits"] = NO_LIMITS
    config["agi"] = {"listen": agi_host}
    config["network"] = {"allowed_networks": [f"{api.HOST}/32"]}
    sales = config["routes"]["sales"]
    sales["fallback"] = [{"hangup": "congestion"}]
    for ahead in filter(None, (returning.ahead for returning in Returning)):
        config["routes"][ahead] = {
            **sales,
            "request": {"url": f"{sales['request']['url']}&slow=yes"},
            "remember": {"last_good_s": 3600},
            "ringing": {"ahead": ahead},
        }
    return config
