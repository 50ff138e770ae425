"""VoIPline: what its users' programs rely on.

One run of `scenarios` sends fewer than 60 requests: the pages allow 100 in 15 minutes.
"""

import datetime as dt
from collections.abc import Awaitable
from functools import partial

from tests.clients.scenario import Basis, Scenario, Step, bind
from tests.clients.voipline import BodyForm, ListForm, VoiplineClient, VoiplineRefused, VoiplineUnauthorised
from tests.clients.voipline_rows import GroupCall, GroupStatus, UserCall
from tests.clients.world import World


async def _users_day(
    client: VoiplineClient,
    world: World,
    *,
    offset: int | None = None,
    limit: int | None = None,
) -> list[UserCall]:
    day = world.calls_day.isoformat()
    return await client.get_user_calls(
        users=[world.user_name],
        sort_by="newest_first",
        from_date=day,
        to_date=day,
        offset=offset,
        limit=limit,
    )


async def every_row_of_a_users_day_is_his_and_of_that_day(client: VoiplineClient, world: World) -> None:
    rows = await _users_day(client, world)
    assert len(rows) >= 3, rows
    assert {row.user_name for row in rows} == {world.user_name}
    assert {row.user_number for row in rows} == {world.user_number}
    assert {row.call_start_at.date() for row in rows} == {world.calls_day}


async def newest_first_descends_and_oldest_first_ascends(client: VoiplineClient, world: World) -> None:
    day = world.calls_day.isoformat()
    newest = await _users_day(client, world)
    oldest = await client.get_user_calls(users=[world.user_name], sort_by="oldest_first", from_date=day, to_date=day)
    starts = [row.call_start_at for row in oldest]
    assert starts == sorted(starts)
    assert [row.call_start_at for row in newest] == starts[::-1]
    assert {row.unique_call_id for row in newest} == {row.unique_call_id for row in oldest}


async def offset_and_limit_cut_a_window_of_the_whole_list(client: VoiplineClient, world: World) -> None:
    whole = await _users_day(client, world)
    assert await _users_day(client, world, offset=1, limit=1) == whole[1:2]
    assert await _users_day(client, world, offset=1, limit=2) == whole[1:3]
    assert await _users_day(client, world, offset=1) == whole[1:101]
    assert await _users_day(client, world, limit=2) == whole[:2]


async def pages_of_two_put_together_are_the_whole_list(client: VoiplineClient, world: World) -> None:
    whole = (await _users_day(client, world, limit=10_000))[:10]
    together: list[UserCall] = []
    while len(together) < len(whole):
        page = await _users_day(client, world, offset=len(together), limit=2)
        assert 0 < len(page) <= 2
        together += page
    assert together[: len(whole)] == whole


async def an_offset_past_the_end_gives_no_rows(client: VoiplineClient, world: World) -> None:
    assert await _users_day(client, world, offset=1_000_000, limit=10) == []


async def without_a_limit_at_most_a_hundred_rows_come(client: VoiplineClient, world: World) -> None:
    assert len(await client.get_user_calls(sort_by="newest_first")) <= 100


async def the_largest_limit_is_taken(client: VoiplineClient, world: World) -> None:
    assert len(await _users_day(client, world, limit=10_000)) >= 3


async def a_limit_outside_1_to_10000_is_refused_or_cut(limit: int, client: VoiplineClient, world: World) -> None:
    try:
        rows = await _users_day(client, world, limit=limit)
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
    else:
        assert len(rows) <= 10_000


async def a_day_without_calls_has_no_rows(client: VoiplineClient, world: World) -> None:
    day = world.empty_day.isoformat()
    assert await client.get_user_calls(from_date=day, to_date=day) == []
    assert await client.get_queue_calls(from_date=day, to_date=day) == []
    assert await client.get_ringgroup_calls(from_date=day, to_date=day) == []


async def a_range_of_days_takes_in_both_its_ends(client: VoiplineClient, world: World) -> None:
    day, one = world.calls_day, dt.timedelta(days=1)
    ids = {row.unique_call_id for row in await _users_day(client, world, limit=10_000)}
    for first, last in ((day - one, day), (day, day + one)):
        rows = await client.get_user_calls(
            users=[world.user_name], from_date=first.isoformat(), to_date=last.isoformat(), limit=10_000
        )
        assert ids <= {row.unique_call_id for row in rows}
        assert all(first <= row.call_start_at.date() <= last for row in rows)


async def a_range_that_ends_before_it_begins_gives_no_calls(client: VoiplineClient, world: World) -> None:
    day, before = world.calls_day, world.calls_day - dt.timedelta(days=1)
    try:
        rows = await client.get_user_calls(from_date=day.isoformat(), to_date=before.isoformat())
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
    else:
        assert rows == []


async def a_date_of_another_form_is_refused(client: VoiplineClient, world: World) -> None:
    await _is_refused_as_a_wrong_request(client, {"from_date": world.calls_day.strftime("%d/%m/%Y")})


async def an_unknown_order_is_refused(client: VoiplineClient, world: World) -> None:
    await _is_refused_as_a_wrong_request(client, {"sort_by": "loudest_first"})


async def _is_refused_as_a_wrong_request(client: VoiplineClient, params: dict[str, str]) -> None:
    try:
        await client.get_user_calls_by(params)
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
    else:
        raise AssertionError(f"{params} was answered")


async def a_call_is_found_by_its_unique_call_id(client: VoiplineClient, world: World) -> None:
    wanted = (await _users_day(client, world))[0]
    rows = await client.get_user_calls(unique_call_id=wanted.unique_call_id)
    assert wanted in rows
    assert {row.unique_call_id for row in rows} == {wanted.unique_call_id}


async def an_unknown_unique_call_id_finds_nothing(client: VoiplineClient, world: World) -> None:
    assert await client.get_user_calls(unique_call_id="100000000000") == []


async def an_unknown_user_has_no_calls(client: VoiplineClient, world: World) -> None:
    try:
        rows = await client.get_user_calls(users=[world.unknown_name])
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
    else:
        assert rows == []


async def an_unknown_group_has_no_calls(client: VoiplineClient, world: World) -> None:
    try:
        assert await client.get_queue_calls(queues=[world.unknown_name]) == []
        assert await client.get_ringgroup_calls(ring_groups=[world.unknown_name]) == []
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal


async def two_users_in_one_filter_both_show(form: ListForm, client: VoiplineClient, world: World) -> None:
    day = world.calls_day.isoformat()
    names = {world.user_name, world.second_user_name}
    async with client.with_list_form(form) as other:
        rows = await other.get_user_calls(users=sorted(names), from_date=day, to_date=day, limit=10_000)
    assert {row.user_name for row in rows} == names


async def a_queues_calls_are_of_that_queue(client: VoiplineClient, world: World) -> None:
    day = world.calls_day.isoformat()
    rows = await client.get_queue_calls(queues=[world.queue_name], sort_by="newest_first", from_date=day, to_date=day)
    _is_a_groups_day(rows, world.queue_name, world)
    second = await client.get_queue_calls(
        queues=[world.queue_name], sort_by="newest_first", from_date=day, to_date=day, offset=1, limit=1
    )
    assert second == rows[1:2]
    found = await client.get_queue_calls(unique_call_id=rows[0].unique_call_id)
    assert rows[0] in found


async def a_ring_groups_calls_are_of_that_group(client: VoiplineClient, world: World) -> None:
    day = world.calls_day.isoformat()
    rows = await client.get_ringgroup_calls(
        ring_groups=[world.ring_group_name], sort_by="newest_first", from_date=day, to_date=day
    )
    _is_a_groups_day(rows, world.ring_group_name, world)
    second = await client.get_ringgroup_calls(
        ring_groups=[world.ring_group_name],
        sort_by="newest_first",
        from_date=day,
        to_date=day,
        offset=1,
        limit=1,
    )
    assert second == rows[1:2]
    found = await client.get_ringgroup_calls(unique_call_id=rows[0].unique_call_id)
    assert rows[0] in found


def _is_a_groups_day(rows: list[GroupCall], name: str, world: World) -> None:
    assert len(rows) >= 2, rows
    assert {row.group_name for row in rows} == {name}
    assert {row.status for row in rows} == {GroupStatus.ANSWERED, GroupStatus.ABANDONED}
    starts = [row.call_start_at for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert {start.date() for start in starts} == {world.calls_day}


async def a_wrong_token_is_not_authorised(token: str | None, client: VoiplineClient, world: World) -> None:
    async with client.with_token(token) as stranger:
        for ask in (stranger.get_user_calls, stranger.get_queue_calls, stranger.get_ringgroup_calls):
            await _is_unauthorised(ask())
        for form in BodyForm:
            await _is_unauthorised(stranger.call_to_number(world.user_number, world.number_to_call, body_form=form))


async def an_unknown_user_cannot_call(form: BodyForm, client: VoiplineClient, world: World) -> None:
    await _cannot_call(client, world.unknown_user_number, world.number_to_call, form)


async def a_number_that_is_none_is_refused(form: BodyForm, client: VoiplineClient, world: World) -> None:
    await _cannot_call(client, world.user_number, "not a number", form)
    await _cannot_call(client, world.user_number, "", form)


async def _is_unauthorised(answer: Awaitable[object]) -> None:
    try:
        got = await answer
    except VoiplineUnauthorised:
        return
    raise AssertionError(f"answered: {got!r}")


async def _cannot_call(client: VoiplineClient, user_number: str, to: str, form: BodyForm) -> None:
    try:
        placed = await client.call_to_number(user_number, to, body_form=form)
    except VoiplineUnauthorised as error:
        raise AssertionError("a right key must not be called wrong") from error
    except VoiplineRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
    else:
        raise AssertionError(f"placed: {placed}")


STEPS: tuple[Step[VoiplineClient], ...] = (
    Step(every_row_of_a_users_day_is_his_and_of_that_day, Basis.THIRD_PARTY),
    Step(newest_first_descends_and_oldest_first_ascends, Basis.THIRD_PARTY),
    Step(offset_and_limit_cut_a_window_of_the_whole_list, Basis.PAGE),
    Step(pages_of_two_put_together_are_the_whole_list, Basis.PAGE),
    Step(an_offset_past_the_end_gives_no_rows, Basis.INFERRED),
    Step(without_a_limit_at_most_a_hundred_rows_come, Basis.THIRD_PARTY),
    Step(the_largest_limit_is_taken, Basis.THIRD_PARTY),
    Step(partial(a_limit_outside_1_to_10000_is_refused_or_cut, 0), Basis.INFERRED),
    Step(partial(a_limit_outside_1_to_10000_is_refused_or_cut, 10_001), Basis.INFERRED),
    Step(a_day_without_calls_has_no_rows, Basis.INFERRED),
    Step(a_range_of_days_takes_in_both_its_ends, Basis.INFERRED),
    Step(a_range_that_ends_before_it_begins_gives_no_calls, Basis.INFERRED),
    Step(a_date_of_another_form_is_refused, Basis.INFERRED),
    Step(an_unknown_order_is_refused, Basis.INFERRED),
    Step(a_call_is_found_by_its_unique_call_id, Basis.THIRD_PARTY),
    Step(an_unknown_unique_call_id_finds_nothing, Basis.INFERRED),
    Step(an_unknown_user_has_no_calls, Basis.INFERRED),
    Step(an_unknown_group_has_no_calls, Basis.INFERRED),
    Step(partial(two_users_in_one_filter_both_show, ListForm.COMMA), Basis.INFERRED),
    Step(partial(two_users_in_one_filter_both_show, ListForm.REPEATED), Basis.INFERRED),
    Step(partial(two_users_in_one_filter_both_show, ListForm.BRACKETS), Basis.INFERRED),
    Step(a_queues_calls_are_of_that_queue, Basis.THIRD_PARTY),
    Step(a_ring_groups_calls_are_of_that_group, Basis.THIRD_PARTY),
    Step(partial(a_wrong_token_is_not_authorised, "wrong"), Basis.PAGE),
    Step(partial(a_wrong_token_is_not_authorised, None), Basis.PAGE),
    Step(partial(an_unknown_user_cannot_call, BodyForm.JSON), Basis.INFERRED),
    Step(partial(an_unknown_user_cannot_call, BodyForm.MULTIPART), Basis.INFERRED),
    Step(partial(a_number_that_is_none_is_refused, BodyForm.JSON), Basis.INFERRED),
    Step(partial(a_number_that_is_none_is_refused, BodyForm.MULTIPART), Basis.INFERRED),
)


def scenarios(world: World) -> list[Scenario[VoiplineClient]]:
    """What needs the world only; nobody's phone rings."""
    return bind(world, STEPS)
