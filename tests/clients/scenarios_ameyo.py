"""Ameyo: what a CRM's click-to-dial relies on when no call comes about; nobody's phone rings."""

from functools import partial

from tests.clients.ameyo import (
    ALIAS,
    COMMAND,
    PRINTED_FORMS,
    RAW_FORMS,
    AmeyoClient,
    AmeyoUnauthorisedError,
    Answer,
    Manner,
    RequestForm,
)
from tests.clients.ameyo_outcomes import AgentNotAvailable, AgentNotInCampaign, OtherRefusal, Refused
from tests.clients.scenario import Basis, Scenario, Step, bind
from tests.clients.world import World

HEADERS = ("Hash-key", "Requesting-host", "Policy-name")


def manners() -> list[Manner]:
    """Every way of writing the request: form, command name, and the slash where there is one."""
    return [
        Manner(form, command, slash)
        for form in RequestForm
        for command in (COMMAND, ALIAS)
        for slash in ((True,) if form in PRINTED_FORMS else (True, False))
    ]


def basis_of(manner: Manner) -> Basis:
    """Tell where a way of writing the request is shown."""
    match manner.form:
        case RequestForm.POST_FORM | RequestForm.POST_JSON:
            form = Basis.THIRD_PARTY
        case RequestForm.POST_FORM_WITH_COMMAND:
            form = Basis.INFERRED
        case _:
            form = Basis.PAGE
    # the sample of 5.6 alone has the alias, and it has no other name
    as_shown = (manner.command == ALIAS) == (manner.form in PRINTED_FORMS)
    return form if as_shown or form is Basis.INFERRED else Basis.DECIDED


async def an_unknown_agent_is_refused(client: AmeyoClient, world: World) -> None:
    _refusal(await client.click_to_dial(world.unknown_agent_id, world.campaign_id, world.customer_phone))


async def an_unknown_campaign_is_refused(client: AmeyoClient, world: World) -> None:
    _refusal(await client.click_to_dial(world.agent_id, world.unknown_campaign_id, world.customer_phone))


async def an_inbound_campaign_is_refused(client: AmeyoClient, world: World) -> None:
    _refusal(await client.click_to_dial(world.agent_id, world.inbound_campaign_id, world.customer_phone))


async def a_refusal_is_read_by_a_client_that_stops_at_http_errors(client: AmeyoClient, world: World) -> None:
    answer = await client.click_to_dial(world.agent_id, world.unknown_campaign_id, world.customer_phone)
    assert answer.http_status == 200, answer


async def every_way_of_writing_it_is_understood_alike(manner: Manner, client: AmeyoClient, world: World) -> None:
    told = (world.agent_id, world.unknown_campaign_id, world.customer_phone)
    plain = _refusal(await client.click_to_dial(*told))
    assert _refusal(await client.click_to_dial(*told, manner=manner)) == plain
    # with all optional fields the same request is refused for the same reason
    full = await client.click_to_dial(
        *told,
        additional_params={"CaseID": "1", "LeadID": "2", "ContactID": "3"},
        should_add_customer=True,
        manner=manner,
    )
    assert _refusal(full) == plain


async def awkward_params_do_not_break_the_request(manner: Manner, client: AmeyoClient, world: World) -> None:
    told = (world.agent_id, world.unknown_campaign_id, world.customer_phone)
    plain = _refusal(await client.click_to_dial(*told))
    params = {"CaseID": 'a&b=c #1 "100%" + ÄÖÜ/\\', "LeadID": "", "ContactID": "{}"}
    awkward = await client.click_to_dial(*told, additional_params=params, manner=manner)
    assert _refusal(awkward) == plain


async def should_add_customer_is_taken_as_boolean_and_as_string(
    value: bool | str, client: AmeyoClient, world: World
) -> None:
    told = (world.agent_id, world.unknown_campaign_id, world.customer_phone)
    plain = _refusal(await client.click_to_dial(*told))
    assert _refusal(await client.click_to_dial(*told, should_add_customer=value)) == plain


async def a_missing_mandatory_field_is_refused(field: str, client: AmeyoClient, world: World) -> None:
    data: dict[str, object] = {
        "userId": world.agent_id,
        "campaignId": world.campaign_id,
        "phone": world.customer_phone,
    }
    del data[field]
    for form in (RequestForm.POST_FORM, RequestForm.POST_JSON, RequestForm.GET_QUERY):
        _refusal(await client.command(data, Manner(form)))


async def a_wrong_header_does_not_dial(header: str, value: str | None, client: AmeyoClient, world: World) -> None:
    stranger = {
        "Hash-key": client.with_hash_key,
        "Requesting-host": client.with_requesting_host,
        "Policy-name": client.with_policy_name,
    }[header](value)
    # an agent that exists, and a campaign that does not: even a lax system dials nobody here
    told = (world.agent_id, world.unknown_campaign_id, world.customer_phone)
    plain = _refusal(await client.click_to_dial(*told))
    async with stranger:
        try:
            refusal = _refusal(await stranger.click_to_dial(*told))
        except AmeyoUnauthorisedError:
            return
    assert refusal != plain, "the header was not looked at: the campaign was"


async def the_answer_has_the_encoding_of_the_request(form: RequestForm, client: AmeyoClient, world: World) -> None:
    campaign = f"Köln {world.unknown_campaign_id}"
    manner = Manner(form, charset="iso-8859-1")
    answer = await client.click_to_dial(world.agent_id, campaign, world.customer_phone, manner=manner)
    assert answer.charset in (None, "iso-8859-1"), answer
    told = str(_refusal(answer))
    # where the campaign is echoed, it is echoed whole
    if world.unknown_campaign_id in told:
        assert campaign in told, told


def _refusal(answer: Answer) -> Refused:
    result = answer.outcome
    assert isinstance(result, AgentNotInCampaign | AgentNotAvailable | OtherRefusal), result
    return result


STEPS: tuple[Step[AmeyoClient], ...] = (
    Step(an_unknown_agent_is_refused, Basis.INFERRED),
    Step(an_unknown_campaign_is_refused, Basis.DECIDED),
    Step(an_inbound_campaign_is_refused, Basis.DECIDED),
    Step(a_refusal_is_read_by_a_client_that_stops_at_http_errors, Basis.INFERRED),
    *(Step(partial(every_way_of_writing_it_is_understood_alike, manner), basis_of(manner)) for manner in manners()),
    *(
        Step(partial(awkward_params_do_not_break_the_request, Manner(form)), Basis.INFERRED)
        for form in RequestForm
        if form not in RAW_FORMS
    ),
    *(
        Step(partial(should_add_customer_is_taken_as_boolean_and_as_string, value), Basis.THIRD_PARTY)
        for value in (True, False, "true", "false")
    ),
    *(
        Step(partial(a_missing_mandatory_field_is_refused, field), Basis.INFERRED)
        for field in ("userId", "campaignId", "phone")
    ),
    *(
        Step(partial(a_wrong_header_does_not_dial, header, value), Basis.INFERRED)
        for header in HEADERS
        for value in ("wrong", None)
    ),
    Step(partial(the_answer_has_the_encoding_of_the_request, RequestForm.POST_FORM), Basis.INFERRED),
    Step(partial(the_answer_has_the_encoding_of_the_request, RequestForm.POST_JSON), Basis.INFERRED),
)


def scenarios(world: World) -> list[Scenario[AmeyoClient]]:
    """What needs the world only; every request is refused before anybody is dialled."""
    return bind(world, STEPS)
