"""A rig whose call log holds a day of calls, and the world as programs written for other vendors are told of it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ari_app.domain import events as e
from tests.clients.scenario import Client, Scenario
from tests.clients.world import World
from tests.component.web.rig import CONFIG, WebRig, web_rig

DAY = date(2026, 11, 20)
EMPTY_DAY = date(2026, 11, 17)
CALLER = "+14155550177"
OUTSIDE = "+14155550188"
OURS = "+14155550100"

WORLD = World(
    user_name="Ada",
    user_number="101",
    second_user_name="Bob",
    queue_name="support-queue",
    ring_group_name="Sales",
    calls_day=DAY,
    empty_day=EMPTY_DAY,
    number_to_call=OUTSIDE,
    caller_id=OURS,
    agent_id="456",
    campaign_id="12",
    inbound_campaign_id="13",
    customer_phone=OUTSIDE[1:],
    aircall_user_id=456,
    aircall_number_id=int(OURS[1:]),
    known_caller=CALLER,
)


def at(hour: int, seconds: float = 0, day: date = DAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, 30, 0, 123456, tzinfo=UTC) + timedelta(seconds=seconds)


def arrived(moment: datetime, caller: str = CALLER) -> e.CallArrived:
    return e.CallArrived(
        at=moment,
        route="sales",
        called_number=OURS,
        caller_number=caller,
        caller_name="Grace" if caller else "",
        caller_withheld=not caller,
        channel_id=f"{int(moment.timestamp())}.1",
    )


def rung(moment: datetime, user: str, leg: str = "leg-1") -> e.LegDialled:
    return e.LegDialled(at=moment, leg=leg, endpoint=f"ep-{user}", contact=f"sip:{user}@127.0.0.1", user=user)


def to_user(user: str, began: datetime, *, answered: bool, caller: str = CALLER) -> list[e.CallEvent]:
    """He is rung for 4.4 s, and then they speak for 10 s, or the caller gives up."""
    step = e.StepStarted(at=began, step=1, destination_type="user", destination=user, timeout_s=25)
    return [arrived(began, caller), step, *rung_out(user, began, answered=answered)]


def to_team(team: str, users: tuple[str, ...], began: datetime, *, answered: bool) -> list[e.CallEvent]:
    """All of it ring; the first one answers."""
    step = e.StepStarted(at=began, step=1, destination_type="team", destination=team, timeout_s=25, team=team)
    others = [rung(began, user, f"leg-{number}") for number, user in enumerate(users[1:], 2)]
    return [arrived(began), step, *others, *rung_out(users[0], began, answered=answered)]


def rung_out(user: str, began: datetime, *, answered: bool) -> list[e.CallEvent]:
    if not answered:
        over = began + timedelta(seconds=4.4)
        return [rung(began, user), e.CallEnded(at=over, by="caller", cause=16)]
    picked_up, over = began + timedelta(seconds=4.4), began + timedelta(seconds=14.4)
    return [
        rung(began, user),
        e.LegAnswered(at=picked_up, leg="leg-1"),
        e.CallAnswered(at=picked_up, leg="leg-1"),
        e.StepEnded(at=picked_up, step=1, outcome="answered"),
        e.CallEnded(at=over, by="caller", cause=16),
    ]


def to_queue(queue: str, user: str, began: datetime) -> list[e.CallEvent]:
    """He of this queue answers after 6 s, "" nobody."""
    step = e.StepStarted(at=began, step=1, destination_type="queue", destination=queue, timeout_s=25)
    answer = e.QueueAnswered(at=began + timedelta(seconds=6), member=f"PJSIP/ep-{user}", user=user)
    over = e.CallEnded(at=began + timedelta(seconds=16), by="caller", cause=16)
    return [arrived(began), step, *([answer] if user else []), over]


def placed(user: str, number: str, began: datetime) -> list[e.CallEvent]:
    """A call that was asked for: both answer."""
    asked = e.CallRequested(at=began, first="agent", user=user, user_name="Ada", number=number, caller_id=OURS)
    second = began + timedelta(seconds=9)
    return [
        asked,
        rung(began, user),
        e.LegAnswered(at=began + timedelta(seconds=3), leg="leg-1"),
        e.FirstAnswered(at=began + timedelta(seconds=3), leg="leg-1", channel_id="c"),
        e.LegDialled(at=began + timedelta(seconds=3), leg="leg-2", endpoint="trunk", contact="sip:x@127.0.0.1"),
        e.LegAnswered(at=second, leg="leg-2"),
        e.CallAnswered(at=second, leg="leg-2"),
        e.CallEnded(at=second + timedelta(seconds=5), by="caller", cause=16),
    ]


CALLS: dict[str, list[e.CallEvent]] = {
    "20261118T093000-00000000000a": to_user("456", at(9, day=date(2026, 11, 18)), answered=True),
    "20261119T235959-00000000000b": to_user("456", at(23, 1799, date(2026, 11, 19)), answered=True),
    "20261120T083000-000000000001": to_user("456", at(8), answered=True),
    "20261120T093000-000000000002": to_user("456", at(9), answered=False, caller=""),
    "20261120T103000-ffffffffffff": placed("456", OUTSIDE, at(10)),
    "20261120T113000-000000000004": to_user("77", at(11), answered=True, caller="+14155550199"),
    "20261120T123000-000000000005": to_team("7", ("77", "456"), at(12), answered=True),
    "20261120T123001-000000000006": to_team("7", ("456", "77"), at(12, 1), answered=False),
    "20261120T133000-000000000007": to_queue("support", "77", at(13)),
    "20261120T133001-000000000008": to_queue("support", "", at(13, 1)),
    "20261120T143000-000000000009": to_user("456", at(14), answered=True),
    "20261120T153000-00000000000c": to_user("456", at(15), answered=True)[:3],
}
"""The last one goes on."""


@asynccontextmanager
async def vendor_rig(folder: Path, faces: str) -> AsyncIterator[WebRig]:
    """With these faces, all calls written."""
    config = CONFIG.replace("trunks:", "  queues: [{id: support, name: support-queue}]\ntrunks:").replace(
        "web: {", f"web: {{faces: {faces}, "
    )
    async with web_rig(folder, config) as rig:
        for call_id, events in CALLS.items():
            for event in events:
                rig.call_log.write(call_id, event)
        await rig.call_log.flush()
        yield rig


async def failures(scenarios: Iterable[Scenario[Client]], client: Client) -> list[str]:
    """Those scenarios that do not hold, and why."""
    failed = []
    for scenario in scenarios:
        try:
            await scenario.run(client)
        except Exception as error:
            failed.append(f"[{scenario.basis.value}] {scenario.name}: {error!r}")
    return failed
