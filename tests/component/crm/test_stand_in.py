"""The CRM that stands in for real ones, over real HTTP."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from sandbox.api import bearer
from sandbox.crm import Fault, GenericCrm, Trouble


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_contact_is_found_by_its_number_as_it_is_written(
    crm: GenericCrm, client: aiohttp.ClientSession
) -> None:
    crm.add_contact(first_name="Ada", phone="+1 415 555 0177")
    async with client.get(f"{crm.url}/contacts", params={"phone": "+1 415 555 0177"}) as response:
        assert [row["first_name"] for row in (await response.json())["records"]] == ["Ada"]
    async with client.get(f"{crm.url}/contacts", params={"phone": "+14155550177"}) as response:
        assert (await response.json())["records"] == []


async def test_lists_come_in_pages(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    crm.page_size = 2
    for name in "abc":
        crm.add_user(first_name=name)
    async with client.get(f"{crm.url}/users") as response:
        first = await response.json()
    async with client.get(f"{crm.url}/users", params={"page": str(first["next_page"])}) as response:
        last = await response.json()
    assert [row["first_name"] for row in first["records"] + last["records"]] == ["a", "b", "c"]
    assert last["next_page"] is None


async def test_an_activity_is_created_twice_unless_keys_are_taken(
    crm: GenericCrm, client: aiohttp.ClientSession
) -> None:
    async def create() -> None:
        headers = {"Idempotency-Key": "k"}
        async with client.post(f"{crm.url}/activities", json={"external_id": "7"}, headers=headers) as response:
            assert response.ok

    await create()
    await create()
    assert len(crm.of_call("7")) == 2
    crm.activities.clear()
    crm.takes_keys = True
    await create()
    await create()
    assert len(crm.of_call("7")) == 1


async def test_a_new_activity_is_found_only_after_a_while(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    crm.visible_after_s = 3600
    async with client.post(f"{crm.url}/activities", json={"external_id": "7"}):
        pass
    async with client.get(f"{crm.url}/activities", params={"external_id": "7"}) as response:
        assert (await response.json())["records"] == []
    crm.visible_after_s = 0
    async with client.get(f"{crm.url}/activities", params={"external_id": "7"}) as response:
        assert len((await response.json())["records"]) == 1


async def test_a_file_is_attached(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{crm.url}/activities", json={"external_id": "7"}) as response:
        activity = (await response.json())["id"]
    form = aiohttp.FormData({"recording_id": "r1"})
    form.add_field("file", b"RIFF" * 1000, filename="call.wav", content_type="audio/wav")
    async with client.post(f"{crm.url}/activities/{activity}/files", data=form) as response:
        assert response.status == 201
    [kept] = crm.files
    assert (kept.activity_id, kept.name, kept.size) == (activity, "call.wav", 4000)
    assert kept.sha256 == hashlib.sha256(b"RIFF" * 1000).hexdigest()
    assert kept.fields == {"recording_id": "r1"}


async def test_who_may_not_ask_is_refused(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    crm.accept(bearer("right"))
    async with client.get(f"{crm.url}/users") as response:
        assert response.status == 401
    async with client.get(f"{crm.url}/users", headers={"Authorization": bearer("wrong")}) as response:
        assert response.status == 403
    async with client.get(f"{crm.url}/users", headers={"Authorization": bearer("right")}) as response:
        assert response.status == 200


async def test_faults_come_in_their_order_and_only_where_they_were_ordered(
    crm: GenericCrm, client: aiohttp.ClientSession
) -> None:
    crm.faults.next(Fault(status=429, retry_after="7"), Fault(is_done=True), of="POST .*/activities$")
    async with client.get(f"{crm.url}/users") as response:
        assert response.status == 200
    async with client.post(f"{crm.url}/activities", json={}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert crm.activities == []
    async with client.post(f"{crm.url}/activities", json={}) as response:
        assert response.status == 500
    assert len(crm.activities) == 1
    async with client.post(f"{crm.url}/activities", json={}) as response:
        assert response.status == 201


async def test_a_connection_is_cut_after_all_was_done(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    crm.faults.next(Fault(trouble=Trouble.DISCONNECT, is_done=True))
    with pytest.raises(aiohttp.ClientError):
        await client.post(f"{crm.url}/activities", json={})
    await crm.until(lambda: len(crm.activities) == 1)


async def test_no_answer_comes_while_it_hangs(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    crm.faults.next(Fault(trouble=Trouble.HANG))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.get(f"{crm.url}/users")


async def test_a_mishap_is_asked_for_each_request(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    crm.faults.mishap = lambda method, path: Fault(status=503) if method == "POST" else None
    async with client.post(f"{crm.url}/activities", json={}) as response:
        assert response.status == 503
    async with client.get(f"{crm.url}/activities") as response:
        assert response.status == 200


async def test_it_comes_back_at_the_same_place(crm: GenericCrm, client: aiohttp.ClientSession) -> None:
    url = crm.url
    await crm.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get(f"{url}/users")
    await crm.start()
    async with client.get(f"{url}/users") as response:
        assert response.status == 200
