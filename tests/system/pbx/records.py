"""An Asterisk that tells of its calls, and what the router has on record of them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import dialplan
from ari_app.domain.parts import CallPart, PartKind
from ari_app.domain.record import CallRecord
from ari_app.storage.call_reader import read_calls
from ari_app.storage.codec import row_to_part
from ari_app.storage.database import reading_engine
from ari_app.storage.schema import call_parts
from sandbox import Layout
from sandbox.router import Config
from tests.patience import PATIENCE_S
from tests.system.rig import Rig, route

CAROL, DAVE = "78", "79"

# Whoever is to be answered rings for longer than any machine is busy; 112, 202 and 402 are for those who are not.
QUEUES = """\
[plain-queue]
strategy = ringall
timeout = 60
joinempty = yes
member => PJSIP/bob
member => PJSIP/carol
[short-queue]
strategy = ringall
timeout = 2
retry = 1
joinempty = yes
member => PJSIP/bob
member => PJSIP/carol
[local-queue]
strategy = ringall
timeout = 60
joinempty = yes
member => Local/ada@agi-router-member/n,0,Ada,PJSIP/ada
"""

DIALPLAN = """
[from-phones](+)
exten => 101,1,Dial(PJSIP/ada,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 102,1,Dial(PJSIP/bob,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 103,1,Dial(PJSIP/carol,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 112,1,Dial(PJSIP/bob,3)
 same => n,Hangup(${HANGUPCAUSE})
exten => 200,1,Dial(PJSIP/bob&PJSIP/carol,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 201,1,Dial(Local/102@from-phones/n&Local/103@from-phones/n,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 202,1,Dial(PJSIP/bob,1)
 same => n,Dial(PJSIP/carol,60)
 same => n,Hangup(${HANGUPCAUSE})
exten => 400,1,Queue(plain-queue,,,,60)
 same => n,Hangup(19)
exten => 401,1,Queue(local-queue,,,,60)
 same => n,Hangup(19)
exten => 402,1,Queue(short-queue,,,,8)
 same => n,Hangup(19)
exten => 500,1,Answer()
 same => n,Echo()
exten => _+1X.,1,Dial(PJSIP/${EXTEN}@trunk)
 same => n,Hangup(${HANGUPCAUSE})

[from-carrier](+)
exten => _9XXX,1,Goto(from-phones,${EXTEN:1},1)
exten => 777,1,Set(AGI_ROUTER_FALLBACK=PJSIP/carol)
 same => n,Set(AGI_ROUTER_ROUTE=gone)
 same => n,Goto(agi-router,+14155550100,1)
exten => 888,1,Goto(agi-router-agi,+14155550100,1)
"""

CEL_FIELDS = (
    "eventtype eventtime name num dnid exten context channame appname appdata uniqueid linkedid peer eventextra"
)
CDR_FIELDS = "start clid src dst channel dstchannel lastapp lastdata duration billsec disposition uniqueid linkedid"
RENAMED = {"name": "cid_name", "num": "cid_num", "dnid": "cid_dnid", "eventextra": "extra", "start": "calldate"}


def table(name: str, fields: str) -> str:
    """The configuration of a table in SQLite, with the columns that FreePBX has in MySQL."""
    columns = ", ".join(RENAMED.get(field, field) for field in fields.split())
    return f"[{name}]\ntable = {name}\ncolumns = {columns}\nfields = {', '.join(fields.split())}\n"


def telling(*, cel: bool = False, cdr: bool = False) -> Callable[[Path, Layout], None]:
    """What to configure: Asterisk tells by CEL or Cdr, as the operator's files have it; both also go into tables."""

    def configure(etc: Path, _: Layout) -> None:
        (etc / "queues.conf").write_text(QUEUES)
        modules = ["res_cdrel_custom", "cel_sqlite3_custom", "cdr_sqlite3_custom"]
        (etc / "cel_sqlite3_custom.conf").write_text(table("cel", CEL_FIELDS))
        (etc / "cdr_sqlite3_custom.conf").write_text(table("cdr", CDR_FIELDS))
        (etc / "cel.conf").write_text(dialplan.read("cel.conf").replace("[manager]\nenabled = yes", ""))
        if cel:
            (etc / "cel.conf").write_text(dialplan.read("cel.conf"))
            modules.append("cel_manager")
        if cdr:
            (etc / "cdr_manager.conf").write_text(dialplan.read("cdr_manager.conf"))
            modules.append("cdr_manager")
        with (etc / "modules.conf").open("a") as file:
            file.writelines(f"load = {module}.so\n" for module in modules)

    return configure


def with_directory(config: Config) -> None:
    """Ada, Bob and Carol; Bob and Carol are a team, plain-queue is the queue `plain`, and so on.

    Route `gone` leads nowhere.
    """
    config["routes"]["gone"] = route(config, {"type": "user"})
    config["directory"]["users"].append({"id": CAROL, "name": "Carol", "devices": ["PJSIP/carol"]})
    config["directory"]["teams"] = [{"id": "7", "name": "Sales", "members": ["77", CAROL]}]
    config["directory"]["queues"] = [{"id": id_, "name": f"{id_}-queue"} for id_ in ("plain", "short", "local")]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call and its parts."""

    call: CallRecord
    parts: tuple[CallPart, ...]

    def of(self, kind: PartKind, name: str) -> CallPart:
        """The only part of this kind and name."""
        (part,) = [part for part in self.parts if (part.kind, part.name) == (kind, name)]
        return part

    def user(self, name: str) -> CallPart:
        """A user's part."""
        return self.of(PartKind.USER, name)


async def recorded(rig: Rig) -> Sequence[Recorded]:
    """All that is on record, the oldest first."""
    async with read_calls(rig.router.storage) as calls:
        records = list(reversed(await calls.recent(1000)))
    engine = reading_engine(rig.router.storage)
    try:
        async with engine.connect() as connection:
            rows = (await connection.execute(call_parts.select().order_by(call_parts.c.part))).mappings().all()
    finally:
        await engine.dispose()
    parts = [(row["call_id"], row_to_part({str(name): value for name, value in row.items()})) for row in rows]
    return [Recorded(call, tuple(part for of, part in parts if of == call.call_id)) for call in records]


async def until(rig: Rig, condition: Callable[[Sequence[Recorded]], bool]) -> None:
    """The history tells nobody: it is asked."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition(await recorded(rig)):
            await asyncio.sleep(0.1)


async def newest(rig: Rig, count: int) -> Recorded:
    """The newest call, once so many are on record and all of them are over."""
    try:
        await until(rig, lambda all_: len(all_) == count and all(one.call.ended_at for one in all_))
    except TimeoutError:
        pytest.fail(f"not {count} calls that are over: {await recorded(rig)}\n{rig.router.log_tail()}")
    return (await recorded(rig))[-1]
