"""VoIPline: what its users' programs see of calls that the harness brings about."""

from functools import partial

from tests.clients.scenario import Basis, Scenario, Step, bind
from tests.clients.voipline import BodyForm, VoiplineClient, VoiplineRefused, VoiplineUnauthorised
from tests.clients.voipline_rows import CallType, GroupCall, GroupStatus, UserCall
from tests.clients.world import World

QUERIES_ALLOWED = 100


async def a_call_to_a_number_is_accepted(form: BodyForm, client: VoiplineClient, world: World) -> None:
    placed = await client.call_to_number(world.user_number, world.number_to_call, body_form=form)
    assert placed.user_name == world.user_name
    assert placed.user_number == world.user_number
    assert _same_number(placed.dest_number, world.number_to_call)


async def a_call_shows_the_caller_id_asked_for(form: BodyForm, client: VoiplineClient, world: World) -> None:
    placed = await client.call_to_number(world.user_number, world.number_to_call, world.caller_id, body_form=form)
    assert placed.caller_id is not None
    assert _same_number(placed.caller_id, world.caller_id)


async def the_placed_call_is_the_users_newest(client: VoiplineClient, world: World) -> None:
    row = await _newest_of_user(client, world)
    assert row.type is CallType.USER_OUTBOUND_ANSWERED
    assert _same_number(row.dest_number, world.number_to_call)
    assert row.user_number == world.user_number
    assert row.conversation_duration >= 1


async def a_missed_call_is_the_users_newest(client: VoiplineClient, world: World) -> None:
    row = await _newest_of_user(client, world)
    assert row.type is CallType.USER_INBOUND_MISSED
    assert row.connected_at is None
    assert row.conversation_duration == 0
    # it rang, and ringing counts
    assert row.call_duration >= 1


async def an_answered_call_is_the_users_newest(client: VoiplineClient, world: World) -> None:
    row = await _newest_of_user(client, world)
    assert row.type is CallType.USER_INBOUND_ANSWERED
    assert row.connected_at is not None
    rang = (row.connected_at - row.call_start_at).total_seconds()
    # call_duration is ring and talk together; each is cut to whole seconds
    assert abs(row.call_duration - (rang + row.conversation_duration)) <= 2


async def a_queue_call_taken_by_the_user_is_answered(client: VoiplineClient, world: World) -> None:
    _was_taken(await _newest_of_queue(client, world), world)


async def a_queue_call_nobody_took_is_abandoned(client: VoiplineClient, world: World) -> None:
    assert (await _newest_of_queue(client, world)).status is GroupStatus.ABANDONED


async def a_ring_group_call_taken_by_the_user_is_answered(client: VoiplineClient, world: World) -> None:
    _was_taken(await _newest_of_ring_group(client, world), world)


async def a_ring_group_call_nobody_took_is_abandoned(client: VoiplineClient, world: World) -> None:
    assert (await _newest_of_ring_group(client, world)).status is GroupStatus.ABANDONED


async def an_address_not_listed_is_not_authorised(client: VoiplineClient, world: World) -> None:
    try:
        await client.get_user_calls(limit=1)
    except VoiplineUnauthorised:
        return
    raise AssertionError("a right key from an address that is not listed was answered")


async def the_query_after_the_hundredth_is_refused(client: VoiplineClient, world: World) -> None:
    for _ in range(QUERIES_ALLOWED):
        await client.get_user_calls(limit=1)
    try:
        await client.get_user_calls(limit=1)
    except VoiplineUnauthorised as error:
        raise AssertionError("too many queries do not make a right key wrong") from error
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
    else:
        raise AssertionError(f"query {QUERIES_ALLOWED + 1} was answered")


async def _newest_of_user(client: VoiplineClient, world: World) -> UserCall:
    return (await client.get_user_calls(users=[world.user_name], sort_by="newest_first", limit=1))[0]


async def _newest_of_queue(client: VoiplineClient, world: World) -> GroupCall:
    return (await client.get_queue_calls(queues=[world.queue_name], sort_by="newest_first", limit=1))[0]


async def _newest_of_ring_group(client: VoiplineClient, world: World) -> GroupCall:
    return (await client.get_ringgroup_calls(ring_groups=[world.ring_group_name], sort_by="newest_first", limit=1))[0]


def _was_taken(row: GroupCall, world: World) -> None:
    assert row.status is GroupStatus.ANSWERED
    assert row.user_name == world.user_name
    assert row.user_number == world.user_number
    assert row.conversation_duration >= 1


def _same_number(one: str, other: str) -> bool:
    return one.lstrip("+") == other.lstrip("+")


RINGS = "while: world.user_number's phones are registered and may ring; the harness hangs up afterwards"
STEPS: tuple[Step[VoiplineClient], ...] = (
    Step(partial(a_call_to_a_number_is_accepted, BodyForm.JSON), Basis.THIRD_PARTY, RINGS),
    Step(partial(a_call_to_a_number_is_accepted, BodyForm.MULTIPART), Basis.THIRD_PARTY, RINGS),
    Step(partial(a_call_shows_the_caller_id_asked_for, BodyForm.JSON), Basis.THIRD_PARTY, RINGS),
    Step(partial(a_call_shows_the_caller_id_asked_for, BodyForm.MULTIPART), Basis.THIRD_PARTY, RINGS),
    Step(
        the_placed_call_is_the_users_newest,
        Basis.THIRD_PARTY,
        "a call of call_to_number was answered by the user, then by number_to_call, and ended after 2 s",
    ),
    Step(
        a_missed_call_is_the_users_newest,
        Basis.THIRD_PARTY,
        "somebody rang the user for 2 s and gave up",
    ),
    Step(
        an_answered_call_is_the_users_newest,
        Basis.INFERRED,
        "somebody rang the user, who answered; it ended after 2 s of talk",
    ),
    Step(
        a_queue_call_taken_by_the_user_is_answered,
        Basis.THIRD_PARTY,
        "a caller of the queue was answered by the user and talked for 2 s",
    ),
    Step(
        a_queue_call_nobody_took_is_abandoned,
        Basis.THIRD_PARTY,
        "a caller of the queue hung up before anybody answered",
    ),
    Step(
        a_ring_group_call_taken_by_the_user_is_answered,
        Basis.THIRD_PARTY,
        "a caller of the ring group was answered by the user and talked for 2 s",
    ),
    Step(
        a_ring_group_call_nobody_took_is_abandoned,
        Basis.THIRD_PARTY,
        "a caller of the ring group hung up before anybody answered",
    ),
    Step(
        an_address_not_listed_is_not_authorised,
        Basis.PAGE,
        "the key is right, the address of this machine is not on its list",
    ),
    Step(
        the_query_after_the_hundredth_is_refused,
        Basis.INFERRED,
        "no query with this key in the last 15 minutes; uses the key up for the next 15",
    ),
)


def situations(world: World) -> list[Scenario[VoiplineClient]]:
    """What needs a call, or a setting, that only the harness can bring about."""
    return bind(world, STEPS)
