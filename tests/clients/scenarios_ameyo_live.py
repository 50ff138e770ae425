"""Ameyo: each outcome that the page documents, and the connected call in every form of request.

Each function sends one request, which is answered when the call has come to something.
"""

from functools import partial

from tests.clients.ameyo import ALIAS, AmeyoClient, Manner, RequestForm
from tests.clients.ameyo_outcomes import (
    AgentDidNotAnswer,
    AgentNotAvailable,
    AgentNotInCampaign,
    Connected,
    CustomerDidNotAnswer,
    MediaError,
    Outcome,
)
from tests.clients.scenario import Basis, Scenario, Step, bind
from tests.clients.scenarios_ameyo import basis_of
from tests.clients.world import World

# the page's own names for parameters of a call's flow
PARAMS = {"CaseID": "case-17", "LeadID": "lead 18", "ContactID": "Jörg & Söhne"}
PARAMS_BARE = {"CaseID": "case-17", "LeadID": "lead-18", "ContactID": "19"}


async def agent_on_break(client: AmeyoClient, world: World) -> None:
    result = await _dial(client, world)
    assert isinstance(result, AgentNotInCampaign), result
    assert result.campaign_id == world.campaign_id, result


async def agent_not_logged_in(client: AmeyoClient, world: World) -> None:
    result = await _dial(client, world)
    assert isinstance(result, AgentNotAvailable), result


async def telephony_media_error(client: AmeyoClient, world: World) -> None:
    result = await _dial(client, world)
    assert isinstance(result, MediaError), result
    assert _same_number(result.phone, world.customer_phone), result
    assert result.cause == "Requested channel not available", result


async def agent_does_not_answer(client: AmeyoClient, world: World) -> None:
    result = await _dial(client, world)
    assert isinstance(result, AgentDidNotAnswer), result


async def customer_does_not_answer(client: AmeyoClient, world: World) -> None:
    result = await _dial(client, world)
    assert isinstance(result, CustomerDidNotAnswer), result
    assert _same_number(result.phone, world.customer_phone), result


async def connected(client: AmeyoClient, world: World) -> None:
    assert isinstance(await _dial(client, world), Connected)


async def two_calls_have_two_flows(client: AmeyoClient, world: World) -> None:
    first, second = await _dial(client, world), await _dial(client, world)
    assert isinstance(first, Connected), first
    assert isinstance(second, Connected), second
    assert first.flow.metadata_id != second.flow.metadata_id


async def connected_when_written(manner: Manner, client: AmeyoClient, world: World) -> None:
    answer = await client.click_to_dial(world.agent_id, world.campaign_id, world.customer_phone, manner=manner)
    assert answer.http_status == 200, answer
    assert isinstance(answer.outcome, Connected), answer


async def connected_with_additional_params(manner: Manner, client: AmeyoClient, world: World) -> None:
    params = PARAMS_BARE if manner.form is RequestForm.GET_PRINTED_RAW else PARAMS
    answer = await client.click_to_dial(
        world.agent_id, world.campaign_id, world.customer_phone, additional_params=params, manner=manner
    )
    assert isinstance(answer.outcome, Connected), answer


async def connected_with_should_add_customer(value: bool | str, client: AmeyoClient, world: World) -> None:
    answer = await client.click_to_dial(
        world.agent_id, world.campaign_id, world.customer_phone, should_add_customer=value
    )
    assert isinstance(answer.outcome, Connected), answer


async def _dial(client: AmeyoClient, world: World) -> Outcome:
    answer = await client.click_to_dial(world.agent_id, world.campaign_id, world.customer_phone)
    return answer.outcome


def _same_number(one: str, other: str) -> bool:
    return one.lstrip("+") == other.lstrip("+")


READY = "the agent is logged in to the campaign and not on break"
BOTH_ANSWER = f"{READY}; while: the agent answers, the customer answers, the harness hangs up afterwards"
VARIABLES = f"{BOTH_ANSWER} and finds the parameters as variables of the call, values whole"

# the six documented outcomes, by the page's numbers in 5.5.2
OUTCOMES: tuple[Step[AmeyoClient], ...] = (
    Step(agent_on_break, Basis.PAGE, "the agent is logged in to the campaign, and on break"),
    Step(agent_not_logged_in, Basis.PAGE, "the agent is not logged in"),
    Step(
        telephony_media_error,
        Basis.PAGE,
        f"{READY}; while: the agent answers; no channel can be had towards the customer",
    ),
    Step(agent_does_not_answer, Basis.PAGE, f"{READY}; while: the agent lets it ring out"),
    Step(
        customer_does_not_answer,
        Basis.PAGE,
        f"{READY}; while: the agent answers, the customer lets it ring out",
    ),
    Step(connected, Basis.PAGE, BOTH_ANSWER),
)

# each form once, and the alias and the missing slash where users write them most
CALLED = (
    *(Manner(form) for form in RequestForm),
    Manner(RequestForm.POST_FORM, ALIAS),
    Manner(RequestForm.GET_PRINTED_RAW, ALIAS),
    Manner(RequestForm.POST_FORM, trailing_slash=False),
)

FORMS: tuple[Step[AmeyoClient], ...] = (
    *(Step(partial(connected_when_written, manner), basis_of(manner), BOTH_ANSWER) for manner in CALLED),
    *(
        Step(partial(connected_with_additional_params, Manner(form)), Basis.PAGE, VARIABLES)
        for form in (
            RequestForm.POST_FORM,
            RequestForm.POST_JSON,
            RequestForm.GET_QUERY,
            RequestForm.GET_PRINTED_RAW,
        )
    ),
    *(
        Step(partial(connected_with_should_add_customer, value), Basis.THIRD_PARTY, BOTH_ANSWER)
        for value in (True, False, "true", "false")
    ),
    Step(two_calls_have_two_flows, Basis.INFERRED, f"{BOTH_ANSWER}, twice"),
)


def situations(world: World) -> list[Scenario[AmeyoClient]]:
    """What needs an agent's state, or two phones, that only the harness can bring about."""
    return bind(world, (*OUTCOMES, *FORMS))
