"""The document `hubspot` against a CRM that is shaped as HubSpot's documentation has it."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from ari_app.crm.connector import Connector
from ari_app.crm.document import shipped
from ari_app.crm.settings import ConnectorSettings
from ari_app.domain.crm import HookError, HookName, OnceBy, Upload
from sandbox.api import bearer
from sandbox.crm import HubSpotCrm
from tests.component.crm.connecting import TOKEN, connected

DEADLINE_S = 5.0
NUMBER = {"phone": "2071838750", "phone_local": "2071838750", "phone_e164": "+442071838750"}
CALL = {
    "call_id": "call-1",
    "call_start": "1767225600000",
    "direction": "inbound",
    "caller_number": "+442071838750",
    "called_number": "100",
}


@pytest.fixture
async def crm() -> AsyncIterator[HubSpotCrm]:
    async with HubSpotCrm() as crm:
        crm.accept(bearer(TOKEN))
        yield crm


@pytest.fixture
async def hubspot(crm: HubSpotCrm) -> AsyncIterator[Connector]:
    properties = {"Access token": TOKEN, "Hub ID": "4711", "API address": crm.url}
    async with connected(
        ConnectorSettings(name="hubspot", document=shipped("hubspot"), properties=properties)
    ) as connector:
        yield connector


async def run(
    connector: Connector, hook: HookName, values: Mapping[str, str] | None = None, upload: Upload | None = None
) -> list[dict[str, str]]:
    """The values that are there, of each record."""
    answer = await connector.run(hook, {**CALL, **(values or {})}, deadline_s=DEADLINE_S, upload=upload)
    return [{name: value for name, value in record.items() if value} for record in answer.records]


async def test_owners_are_the_users_and_contacts_come_page_by_page(crm: HubSpotCrm, hubspot: Connector) -> None:
    owner = crm.add_owner(firstName="Grace", email="grace@example.com")
    assert await run(hubspot, HookName.USERS) == [
        {"user_id": owner["id"], "firstname": "Grace", "email": "grace@example.com"}
    ]
    for number in range(205):
        crm.add("contacts", firstname=f"c{number}", hubspot_owner_id=owner["id"])
    pages = [answer.records async for answer in hubspot.pages(HookName.CONTACTS, {}, deadline_s=DEADLINE_S)]
    assert [len(page) for page in pages] == [100, 100, 5]
    last = pages[-1][-1]
    assert (last["firstname"], last["owner_id"]) == ("c204", owner["id"])
    assert last["url"] == f"https://app.hubspot.com/contacts/4711/record/0-1/{last['contact_id']}"
    assert last["changed_at"]


async def test_organizations(crm: HubSpotCrm, hubspot: Connector) -> None:
    row = crm.add("companies", name="Acme", phone="+1")
    (found,) = await run(hubspot, HookName.ORGANIZATIONS)
    assert (found["company_id"], found["company_name"], found["phone"]) == (row["id"], "Acme", "+1")


@pytest.mark.parametrize(
    "stored", [{"phone": "+44 20 7183 8750"}, {"mobilephone": "020 7183 8750"}, {"phone": "+442071838750"}]
)
async def test_a_contact_is_found_however_its_number_is_written(
    crm: HubSpotCrm, hubspot: Connector, stored: dict[str, str]
) -> None:
    crm.add("contacts", firstname="Grace", phone="+1 415 555 0100")
    row = crm.add("contacts", firstname="Ada", associatedcompanyid="77", **stored)
    (found,) = await run(hubspot, HookName.FIND_CONTACT, NUMBER)
    assert (found["contact_id"], found["firstname"], found["company_id"]) == (row["id"], "Ada", "77")


async def test_a_contact_is_created_once_for_an_address_and_changed(crm: HubSpotCrm, hubspot: Connector) -> None:
    wanted = {"firstname": "Ada", "email": "ada@example.com", "phone": "+44", "contact_id": ""}
    (created,) = await run(hubspot, HookName.CREATE_CONTACT, wanted)
    assert (
        await run(hubspot, HookName.UPDATE_CONTACT, {"contact_id": created["contact_id"], "lastname": "Lovelace"}) == []
    )
    kept = crm.objects["contacts"][created["contact_id"]]["properties"]
    assert (kept["firstname"], kept["lastname"]) == ("Ada", "Lovelace")
    with pytest.raises(HookError, match="CreateContact: the CRM answered 409: Contact already exists") as raised:
        await run(hubspot, HookName.CREATE_CONTACT, wanted)
    assert (raised.value.is_undone, raised.value.is_final) == (True, True)


async def test_a_call_becomes_an_engagement(crm: HubSpotCrm, hubspot: Connector, tmp_path: Path) -> None:
    owner = crm.add_owner(email="grace@example.com")
    contact = crm.add("contacts", firstname="Ada")
    (created,) = await run(hubspot, HookName.CREATE_ACTIVITY, {"user_id": owner["id"]})
    activity = {"activity_id": created["activity_id"], "contact_id": contact["id"], "user_id": owner["id"]}
    assert await run(hubspot, HookName.ASSIGN_ACTIVITY, activity) == []
    assert await run(hubspot, HookName.UPDATE_ACTIVITY, {"state": "talking", **activity}) == []
    row = crm.objects["calls"][created["activity_id"]]
    assert row["properties"]["hs_call_status"] == "IN_PROGRESS"
    await run(hubspot, HookName.STOP_CALL_ACTIVITY, {"disposition": "answered", "call_duration": "61", **activity})
    file = tmp_path / "call.wav"
    file.write_bytes(b"RIFF" + bytes(1000))
    upload = Upload(path=file, file_name="call.wav", media_type="audio/wav")
    await run(hubspot, HookName.UPDATE_CALL_RECORDING, {"file_name": "call.wav", **activity}, upload)
    (kept,) = crm.files
    assert (kept["file"], kept["fileName"]) == (file.read_bytes(), "call.wav")
    assert row["associations"] == [("contacts", contact["id"])]
    assert (
        row["properties"].items()
        >= {
            "hs_timestamp": CALL["call_start"],
            "hs_call_title": "Inbound call",
            "hs_call_direction": "INBOUND",
            "hs_call_status": "COMPLETED",
            "hs_call_duration": "61000",
            "hs_call_external_id": "call-1",
            "hubspot_owner_id": owner["id"],
            "hs_attachment_ids": kept["id"],
        }.items()
    )


@pytest.mark.parametrize(
    ("disposition", "status"),
    [("abandoned", "NO_ANSWER"), ("rejected", "CANCELED"), ("failed", "FAILED"), ("interrupted", "COMPLETED")],
)
async def test_every_end_is_a_status_that_hubspot_knows(
    crm: HubSpotCrm, hubspot: Connector, disposition: str, status: str
) -> None:
    (created,) = await run(hubspot, HookName.CREATE_ACTIVITY)
    await run(hubspot, HookName.STOP_CALL_ACTIVITY, {"disposition": disposition, **created})
    properties = crm.objects["calls"][created["activity_id"]]["properties"]
    assert properties["hs_call_status"] == status
    assert "hs_call_duration" not in properties


async def test_a_call_is_associated_when_it_is_created_and_found_by_its_id(crm: HubSpotCrm, hubspot: Connector) -> None:
    contact, company = crm.add("contacts", firstname="Ada"), crm.add("companies", name="Acme")
    assert hubspot.abilities.once_by is OnceBy.FINDING
    assert hubspot.abilities.visible_after_s >= 10  # what is said of HubSpot's search
    created = await run(hubspot, HookName.CREATE_ACTIVITY, {"contact_id": contact["id"], "company_id": company["id"]})
    (row,) = crm.objects["calls"].values()
    assert row["associations"] == [("contacts", contact["id"]), ("companies", company["id"])]
    assert await run(hubspot, HookName.FIND_ACTIVITY) == created
    assert await run(hubspot, HookName.FIND_ACTIVITY, {"call_id": "another"}) == []
    crm.visible_after_s = 60
    assert await run(hubspot, HookName.FIND_ACTIVITY) == []


async def test_a_company_that_called_is_associated_as_one(crm: HubSpotCrm, hubspot: Connector) -> None:
    company = crm.add("companies", name="Acme")["id"]
    of_company = {"contact_id": company, "contact_kind": "organization", "company_id": company}
    await run(hubspot, HookName.CREATE_ACTIVITY, of_company)
    (later,) = await run(hubspot, HookName.CREATE_ACTIVITY, {"call_id": "call-2"})
    await run(hubspot, HookName.ASSIGN_ACTIVITY, {**of_company, **later})
    assert [row["associations"] for row in crm.objects["calls"].values()] == [[("companies", company)]] * 2


async def test_a_token_that_is_refused_is_told(crm: HubSpotCrm, hubspot: Connector) -> None:
    crm.accept(bearer("another"))
    with pytest.raises(HookError) as raised:
        await run(hubspot, HookName.USERS)
    assert (raised.value.failure.code, raised.value.status) == ("crm_unauthorised", 401)
