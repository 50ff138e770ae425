"""The document for Tryton, on a real one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from agi_router.lookup.grants import ShortMemory
from agi_router.lookup.guard import NetworkGuard
from ari_app.crm.connector import Connector
from ari_app.crm.contact_records import contact_of
from ari_app.crm.document import shipped
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.crm import HookAnswer, HookError, HookName, OnceBy, Record, Upload
from sandbox.tryton import DATABASE, Attachment, Tryton, seeds
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.long

LOOPBACK = NetworkGuard((ip_network("127.0.0.0/8"),))
CALL = {
    "call_id": "20261121T201530-9f3a2c1b77aa",
    "direction": "inbound",
    "number": seeds.GRACES_NUMBER,
    "caller_number": seeds.GRACES_NUMBER,
    "called_number": "+14155550100",
    "user_name": "Ada",
    "started_at": "2026-11-21T20:15:30Z",
}


@pytest.fixture
async def tryton() -> AsyncIterator[Tryton]:
    async with Tryton() as running:
        yield running


async def settings_for(tryton: Tryton) -> ConnectorSettings:
    unassigned = await tryton.records.party(seeds.UNASSIGNED)
    return ConnectorSettings(
        name="tryton",
        document=shipped("tryton"),
        properties={
            "RPC URL": tryton.rpc_url,
            "Login": seeds.CONNECTOR,
            "Password": seeds.CONNECTOR_PASSWORD,
            "Party of calls without a contact": str(unassigned.id),
            "Web client URL": f"{tryton.url}/#{DATABASE}",
        },
    )


@pytest.fixture
async def crm(tryton: Tryton) -> AsyncIterator[Connector]:
    async with Connector(await settings_for(tryton), LOOPBACK, ShortMemory()) as connector:
        yield connector


async def run(crm: Connector, hook: HookName, **values: str) -> HookAnswer:
    return await crm.run(hook, values, deadline_s=PATIENCE_S)


async def created(crm: Connector, **values: str) -> str:
    (record,) = (await run(crm, HookName.CREATE_ACTIVITY, **{**CALL, **values})).records
    return record["activity_id"]


async def attachment(tryton: Tryton, activity_id: str) -> Attachment:
    (found,) = await tryton.records.attachments([["id", "=", int(activity_id)]])
    return found


async def listed(crm: Connector, hook: HookName) -> list[Record]:
    return [record async for page in crm.pages(hook, {}, deadline_s=PATIENCE_S) for record in page.records]


async def test_users_have_their_names_and_addresses(crm: Connector) -> None:
    users = {user["name"]: user for user in await listed(crm, HookName.USERS)}
    assert users.keys() == {"admin", "Ada", "Bob", "Telephone"}
    assert users["Ada"]["email"] == "ada@example.com"
    assert users["Ada"]["user_id"].isdecimal()


async def test_contacts_are_all_parties_but_companies_on_as_many_pages_as_it_takes(
    tryton: Tryton, crm: Connector
) -> None:
    for number in range(105):
        await tryton.records.create("party.party", name=f"Party {number:03}")
    names = [record["name"] for record in await listed(crm, HookName.CONTACTS)]
    people = [seeds.GRACE, seeds.ALAN, seeds.KONRAD, seeds.HEDY, seeds.JEAN, seeds.KAY]
    assert names == [*people, *(f"Party {number:03}" for number in range(105))]


async def test_a_contact_comes_with_numbers_page_and_when_it_was_changed(tryton: Tryton, crm: Connector) -> None:
    before = await tryton.records.party(seeds.ALAN)
    await tryton.records.write("party.party", before.id, name="A. M. Turing")
    alan = next(record for record in await listed(crm, HookName.CONTACTS) if record["name"] == "A. M. Turing")
    contact = contact_of("tryton", alan)
    assert contact is not None
    assert contact.phones == ("+44 20 7946 0019", "+44 20 7946 0018")
    assert contact.url == f"{tryton.url}/#crm/model/party.party/{contact.id}"
    assert contact.changed_at is not None
    assert abs(datetime.now(UTC) - contact.changed_at) < timedelta(minutes=1)


async def test_organizations_are_the_parties_of_the_category_of_companies(crm: Connector) -> None:
    (company,) = await listed(crm, HookName.ORGANIZATIONS)
    assert (company["company_name"], company["phone"]) == (seeds.ENIAC, "+1 415-555-0188")


@pytest.mark.parametrize(
    ("form", "written", "names"),
    [
        ("e164", seeds.GRACES_NUMBER, [seeds.GRACE]),
        ("e164", seeds.ALANS_NUMBER, [seeds.ALAN]),  # the second of two
        ("e164", seeds.KONRADS_NUMBER, [seeds.KONRAD]),  # written as a national one
        ("formatted", "(415) 555-0166", [seeds.HEDY]),
        ("e164", seeds.SHARED_NUMBER, [seeds.JEAN, seeds.KAY, seeds.ENIAC]),
        ("e164", "+14155550199", []),
    ],
)
async def test_a_party_is_found_by_its_number(crm: Connector, form: str, written: str, names: list[str]) -> None:
    assert form in crm.abilities.number_forms
    answer = await run(crm, HookName.FIND_CONTACT, phone=written)
    assert [record["name"] for record in answer.records] == names


async def test_a_new_party_has_name_and_numbers_and_is_found_by_them(tryton: Tryton, crm: Connector) -> None:
    values = {"name": "Ida Rhodes", "phone": "+14155550123", "email": "ida@example.org"}
    (record,) = (await run(crm, HookName.CREATE_CONTACT, **values)).records
    party = await tryton.records.party("Ida Rhodes")
    assert (str(party.id), party.numbers, party.email) == (record["contact_id"], ("+14155550123",), "ida@example.org")
    (found,) = (await run(crm, HookName.FIND_CONTACT, phone="+14155550123")).records
    assert found["contact_id"] == record["contact_id"]


async def test_a_number_that_is_none_makes_no_party_and_tryton_says_why(tryton: Tryton, crm: Connector) -> None:
    with pytest.raises(HookError, match='The phone number "101" for party "Ida Rhodes" is not valid') as refused:
        await run(crm, HookName.CREATE_CONTACT, name="Ida Rhodes", phone="101")
    assert refused.value.is_undone
    assert refused.value.failure.code == "crm_refused"
    assert await tryton.records.parties([["name", "=", "Ida Rhodes"]]) == []


async def test_what_is_changed_of_a_party_is_written_and_the_rest_stays(tryton: Tryton, crm: Connector) -> None:
    grace = await tryton.records.party(seeds.GRACE)
    await run(crm, HookName.UPDATE_CONTACT, contact_id=str(grace.id), mobile="+14155550124")
    changed = await tryton.records.party(seeds.GRACE)
    assert changed == replace(grace, numbers=(seeds.GRACES_NUMBER, "+14155550124"))
    await run(crm, HookName.UPDATE_CONTACT, contact_id=str(grace.id), name="Grace Brewster Hopper")
    assert (await tryton.records.party("Grace Brewster Hopper")) == replace(changed, name="Grace Brewster Hopper")


async def test_a_call_is_attached_to_its_contact_and_found_by_its_id(tryton: Tryton, crm: Connector) -> None:
    grace = await tryton.records.party(seeds.GRACE)
    activity = await created(crm, contact_id=str(grace.id))
    made = await attachment(tryton, activity)
    assert made.resource == f"party.party,{grace.id}"
    assert made.name == f"Incoming call, {seeds.GRACES_NUMBER}, 2026-11-21T20:15:30Z"
    assert f"Call {CALL['call_id']}" in made.description
    (found,) = (await run(crm, HookName.FIND_ACTIVITY, **CALL, contact_id=str(grace.id))).records
    assert found["activity_id"] == activity
    assert crm.abilities.once_by is OnceBy.FINDING


async def test_a_call_of_nobody_is_found_too_also_when_its_contact_is_known_by_then(
    tryton: Tryton, crm: Connector
) -> None:
    activity = await created(crm)
    unassigned = await tryton.records.party(seeds.UNASSIGNED)
    assert (await attachment(tryton, activity)).resource == f"party.party,{unassigned.id}"
    grace = await tryton.records.party(seeds.GRACE)
    for contact_id in ("", str(grace.id)):
        (found,) = (await run(crm, HookName.FIND_ACTIVITY, **CALL, contact_id=contact_id)).records
        assert found["activity_id"] == activity
    assert (await run(crm, HookName.FIND_ACTIVITY, **{**CALL, "call_id": "another"})).records == ()


async def test_a_call_moves_to_the_contact_that_is_found_later(tryton: Tryton, crm: Connector) -> None:
    activity = await created(crm)
    grace = await tryton.records.party(seeds.GRACE)
    await run(crm, HookName.ASSIGN_ACTIVITY, **CALL, activity_id=activity, contact_id=str(grace.id))
    assert (await attachment(tryton, activity)).resource == f"party.party,{grace.id}"
    with pytest.raises(HookError, match='A value is required for field "Resource"') as refused:
        await run(crm, HookName.ASSIGN_ACTIVITY, **CALL, activity_id=activity, contact_id="4711")
    assert refused.value.is_undone
    assert (await attachment(tryton, activity)).resource == f"party.party,{grace.id}"


async def test_what_became_of_a_call_is_told(tryton: Tryton, crm: Connector) -> None:
    activity = await created(crm)
    talking = {"activity_id": activity, "state": "talking", "answered_at": "2026-11-21T20:15:36Z"}
    await run(crm, HookName.UPDATE_ACTIVITY, **CALL, **talking)
    assert f"Incoming call, {seeds.GRACES_NUMBER}, talking" in (await attachment(tryton, activity)).description
    ended = {"ended_at": "2026-11-21T20:16:18Z", "call_duration": "42", "call_cause": "16", "disposition": "answered"}
    await run(crm, HookName.STOP_CALL_ACTIVITY, **CALL, **talking, **ended, ring_duration="6")
    told = await attachment(tryton, activity)
    assert told.description.splitlines() == [
        f"Incoming call, {seeds.GRACES_NUMBER}, answered, 42 s",
        f"From {seeds.GRACES_NUMBER} to +14155550100",
        "User: Ada",
        "Began 2026-11-21T20:15:30Z, answered 2026-11-21T20:15:36Z, ended 2026-11-21T20:16:18Z",
        "Rang 6 s, cause 16",
        f"Call {CALL['call_id']}",
    ]
    (found,) = (await run(crm, HookName.FIND_ACTIVITY, **CALL)).records
    assert found["activity_id"] == activity


async def test_the_recording_is_put_into_the_calls_attachment(tryton: Tryton, crm: Connector, tmp_path: Path) -> None:
    activity = await created(crm)
    wav = tmp_path / "recording.wav"
    wav.write_bytes(b"RIFF" + bytes(range(256)) * 1000)
    upload = Upload(path=wav, file_name="call.wav", media_type="audio/wav")
    values = {**CALL, "activity_id": activity, "file_name": "call.wav"}
    answer = await crm.run(HookName.UPDATE_CALL_RECORDING, values, deadline_s=PATIENCE_S, upload=upload)
    kept = await attachment(tryton, activity)
    assert (kept.name, kept.data) == ("call.wav", wav.read_bytes())
    assert "UklGR" not in answer.sent.body


async def test_an_activity_that_was_deleted_is_told_by_its_id(crm: Connector) -> None:
    with pytest.raises(HookError, match=r'records? "4711" of "Attachment" that don.t exist') as refused:
        await run(crm, HookName.STOP_CALL_ACTIVITY, **CALL, activity_id="4711")
    assert refused.value.is_undone


@pytest.mark.parametrize(
    ("property_", "value", "code", "remedy"),
    [
        ("Password", "not-the-password", "crm_unauthorised", "crm login"),
        ("Login", "nobody", "crm_unauthorised", "crm login"),
        ("RPC URL", "another database", "crm_failed", "CRM's log"),
    ],
)
async def test_who_may_not_ask_or_asks_elsewhere_is_told_so(
    tryton: Tryton, property_: str, value: str, code: str, remedy: str
) -> None:
    settings = await settings_for(tryton)
    given = f"{tryton.url}/another/rpc/" if property_ == "RPC URL" else value
    wrong = replace(settings, properties={**settings.properties, property_: given})
    async with Connector(wrong, LOOPBACK, ShortMemory()) as crm:
        with pytest.raises(HookError) as refused:
            await run(crm, HookName.USERS)
    assert refused.value.failure.code == code
    assert remedy in refused.value.failure.remedy
    assert "not-the-password" not in str(refused.value)


async def test_a_server_that_is_away_has_done_nothing_and_goes_on_when_it_is_back(
    tryton: Tryton, crm: Connector
) -> None:
    await tryton.server.stop()
    with pytest.raises(HookError) as refused:
        await created(crm)
    assert refused.value.is_undone
    await tryton.server.start()
    assert (await run(crm, HookName.FIND_ACTIVITY, **CALL)).records == ()
    assert await created(crm)


def test_it_offers_all_hooks_and_asks_for_what_it_cannot_know() -> None:
    document = shipped("tryton")
    assert document.hooks.keys() == set(HookName)
    required: Mapping[str, bool] = {each.name: each.is_required and not each.default for each in document.properties}
    assert [name for name, is_needed in required.items() if is_needed] == [
        "RPC URL",
        "Login",
        "Password",
        "Party of calls without a contact",
    ]
    assert document.secret_names == {"Password"}
