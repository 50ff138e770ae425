"""Aircall: what the routing guide's look-up relies on, and what starting a call refuses."""

from collections.abc import Awaitable

from tests.clients.aircall import (
    AircallClient,
    AircallNotFound,
    AircallRefused,
    AircallUnauthorised,
    AircallUserUnavailable,
    Page,
    PathLeadsNowhereError,
    value_at,
)
from tests.clients.scenario import Basis, Scenario, Step, bind
from tests.clients.world import World

GUIDE_PATH = "calls[0].user.id"


async def the_guides_url_and_path_find_the_last_user(client: AircallClient, world: World) -> None:
    page = await client.search_calls(order="des", phone_number=world.known_caller)
    assert value_at(page.document, GUIDE_PATH) == world.aircall_user_id


async def the_guides_url_works_with_its_plus_left_bare(client: AircallClient, world: World) -> None:
    page = await client.search_as_printed(world.known_caller)
    assert value_at(page.document, GUIDE_PATH) == world.aircall_user_id


async def des_and_desc_descend_and_asc_ascends(client: AircallClient, world: World) -> None:
    des = await client.search_calls(order="des", phone_number=world.known_caller)
    desc = await client.search_calls(order="desc", phone_number=world.known_caller)
    asc = await client.search_calls(order="asc", phone_number=world.known_caller)
    assert len(des.calls) >= 2
    assert _starts(des) == sorted(_starts(des), reverse=True)
    assert desc.calls == des.calls
    assert _starts(asc) == sorted(_starts(asc))
    assert asc.total == des.total


async def without_an_order_calls_ascend(client: AircallClient, world: World) -> None:
    plain = await client.search_calls(phone_number=world.known_caller)
    assert plain.calls == (await client.search_calls(order="asc", phone_number=world.known_caller)).calls


async def an_unknown_caller_has_no_calls_and_no_path(client: AircallClient, world: World) -> None:
    page = await client.search_calls(order="des", phone_number=world.unknown_number)
    assert page.calls == ()
    assert page.total == 0
    try:
        value_at(page.document, GUIDE_PATH)
    except PathLeadsNowhereError:
        return
    raise AssertionError("a path into an empty list led somewhere")


async def pages_follow_one_another_by_their_links(client: AircallClient, world: World) -> None:
    first = await client.search_calls(order="des", phone_number=world.known_caller, per_page=1)
    assert (first.current_page, first.per_page, first.count) == (1, 1, 1)
    assert first.total >= 2
    assert first.previous_page_link is None
    assert first.next_page_link is not None
    second = await client.follow(first.next_page_link)
    assert second.current_page == 2
    assert second.previous_page_link is not None
    whole = await client.search_calls(order="des", phone_number=world.known_caller)
    assert first.calls + second.calls == whole.calls[:2]
    # by number it is the same page as by link
    assert (
        await client.search_calls(order="des", phone_number=world.known_caller, per_page=1, page=2)
    ).calls == second.calls


async def the_last_page_has_no_next(client: AircallClient, world: World) -> None:
    whole = await client.search_calls(phone_number=world.known_caller, per_page=50)
    assert whole.per_page == 50
    assert whole.total > 50 or whole.next_page_link is None


async def a_page_holds_twenty_calls_unless_told(client: AircallClient, world: World) -> None:
    page = await client.search_calls()
    assert page.per_page == 20
    assert page.count <= 20


async def a_wrong_token_is_not_let_in(client: AircallClient, world: World) -> None:
    async with client.with_token("wrong") as stranger:
        await _is_unauthorised(stranger.search_calls(phone_number=world.known_caller))
        await _is_unauthorised(
            stranger.start_call(world.aircall_user_id, world.aircall_number_id, world.number_to_call)
        )


async def an_unknown_user_cannot_call(client: AircallClient, world: World) -> None:
    try:
        await client.start_call(world.unknown_aircall_user_id, world.aircall_number_id, world.number_to_call)
    except AircallNotFound:
        return
    raise AssertionError("a call of nobody was started")


async def a_number_that_is_none_is_refused(client: AircallClient, world: World) -> None:
    try:
        await client.start_call(world.aircall_user_id, world.aircall_number_id, "not a number")
    except AircallRefused as refusal:
        assert 400 <= refusal.status < 500, refusal
        return
    raise AssertionError("a call to no number was started")


async def a_call_is_started(client: AircallClient, world: World) -> None:
    await client.start_call(world.aircall_user_id, world.aircall_number_id, world.number_to_call)


async def a_user_who_is_not_available_cannot_call(client: AircallClient, world: World) -> None:
    try:
        await client.start_call(world.aircall_user_id, world.aircall_number_id, world.number_to_call)
    except AircallUserUnavailable:
        return
    raise AssertionError("a call of an unavailable user was started")


async def the_newest_call_of_the_number_called_is_the_users(client: AircallClient, world: World) -> None:
    page = await client.search_as_printed(world.number_to_call)
    assert value_at(page.document, GUIDE_PATH) == world.aircall_user_id
    assert page.calls[0].direction == "outbound"


async def a_call_nobody_took_leads_the_path_nowhere(client: AircallClient, world: World) -> None:
    page = await client.search_calls(order="des", phone_number=world.known_caller)
    assert page.calls[0].user_id is None
    try:
        value_at(page.document, GUIDE_PATH)
    except PathLeadsNowhereError:
        return
    raise AssertionError("a call that nobody took has a user")


async def _is_unauthorised(answer: Awaitable[object]) -> None:
    try:
        await answer
    except AircallUnauthorised:
        return
    raise AssertionError("a wrong token was let in")


def _starts(page: Page) -> list[int]:
    return [call.started_at for call in page.calls]


STEPS: tuple[Step[AircallClient], ...] = (
    Step(the_guides_url_and_path_find_the_last_user, Basis.PAGE),
    Step(the_guides_url_works_with_its_plus_left_bare, Basis.INFERRED),
    Step(des_and_desc_descend_and_asc_ascends, Basis.MEMORY),
    Step(without_an_order_calls_ascend, Basis.MEMORY),
    Step(an_unknown_caller_has_no_calls_and_no_path, Basis.MEMORY),
    Step(pages_follow_one_another_by_their_links, Basis.MEMORY),
    Step(the_last_page_has_no_next, Basis.MEMORY),
    Step(a_page_holds_twenty_calls_unless_told, Basis.MEMORY),
    Step(a_wrong_token_is_not_let_in, Basis.PAGE),
    Step(an_unknown_user_cannot_call, Basis.MEMORY),
    Step(a_number_that_is_none_is_refused, Basis.MEMORY),
)

SITUATIONS: tuple[Step[AircallClient], ...] = (
    Step(
        a_call_is_started,
        Basis.MEMORY,
        "while: the user's phone is registered, free and may ring; the harness hangs up afterwards",
    ),
    Step(
        a_user_who_is_not_available_cannot_call,
        Basis.MEMORY,
        "the user is in a call, in wrap-up, or logged out",
    ),
    Step(
        the_newest_call_of_the_number_called_is_the_users,
        Basis.MEMORY,
        "a call of start_call was answered by the user, then by number_to_call, and has ended",
    ),
    Step(
        a_call_nobody_took_leads_the_path_nowhere,
        Basis.MEMORY,
        "known_caller called last and hung up before anybody answered; run it after the other scenarios",
    ),
)


def scenarios(world: World) -> list[Scenario[AircallClient]]:
    """What needs the world only; nobody's phone rings. Fewer than 60 requests, the vendor's minute."""
    return bind(world, STEPS)


def situations(world: World) -> list[Scenario[AircallClient]]:
    """What needs a call, or a user's state, that only the harness can bring about."""
    return bind(world, SITUATIONS)
