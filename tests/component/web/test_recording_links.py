"""Links to recordings, as browsers open them: with seeking, for a while, and with no key."""

import asyncio
import socket
import wave
from collections.abc import Mapping
from datetime import datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from structlog.testing import capture_logs

from ari_app.calls.clock import now
from ari_app.domain.recordings import RecordingState
from ari_app.recordings.links import Link
from ari_app.web.recordings import url_of
from tests.component.web.recording_rig import RECORDING, put_on_record, sound, store
from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig
from tests.patience import PATIENCE_S

FIRST_HZ, SECOND_HZ = 440, 1200


async def link_to(web: WebRig, **wanted: Any) -> str:
    """The path and query of a new link."""
    status, told = await web.ask("POST", f"/recordings/{RECORDING}/links", json=wanted)
    assert status == 201, told
    assert told["url"].startswith(f"{web.url}/recordings/")
    return str(told["url"].removeprefix(web.url))


def over(web: WebRig) -> str:
    """A link whose time was over a second ago."""
    return url_of(web.services, Link(RECORDING, "late", now() - timedelta(seconds=1))).removeprefix(web.url)


async def opened(web: WebRig, link: str, method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    async with web.http.request(method, web.url + link, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def listenings(web: WebRig) -> list[dict[str, Any]]:
    _, told = await web.ask("GET", f"/recordings/{RECORDING}/listenings")
    return list(told["items"])


def loudest_hz(samples: bytes) -> float:
    """Of 16-bit samples at 8 kHz, by how often they cross zero."""
    values = memoryview(samples).cast("h")
    crossings = sum(before < 0 <= after for before, after in pairwise(values))
    return crossings / (len(values) / 8000)


class Player:
    """Does what the <audio> of a browser does: it asks from the beginning on, and on each seek leaves the answer and
    asks from there on, if the file is still the same.
    """

    def __init__(self, web: WebRig, link: str) -> None:
        self._http, self._url = web.http, web.url + link
        self._etag = ""

    async def hear(self, from_s: float, seconds: float) -> bytes:
        """What is heard from there on; the head of the file has 44 bytes."""
        first = 44 + int(from_s * 16_000) if from_s else 0
        headers = {"range": f"bytes={first}-"} | ({"if-range": self._etag} if self._etag else {})
        async with self._http.get(self._url, headers=headers) as answer:
            assert answer.status == 206
            assert answer.headers["content-type"] == "audio/wav"
            assert answer.headers["content-range"].startswith(f"bytes {first}-")
            self._etag = answer.headers["etag"]
            begin = 0 if first else 44
            return (await answer.content.readexactly(begin + int(seconds * 16_000)))[begin:]


async def test_a_browser_seeks_in_a_link_and_is_refused_after_its_end(web: WebRig) -> None:
    await store(web, sound(120, FIRST_HZ, SECOND_HZ))
    player = Player(web, await link_to(web, expires_s=3600, name="ticket-4711"))
    assert loudest_hz(await player.hear(0, 0.5)) == pytest.approx(FIRST_HZ, rel=0.02)
    assert loudest_hz(await player.hear(200, 0.5)) == pytest.approx(SECOND_HZ, rel=0.02)
    assert loudest_hz(await player.hear(10, 0.5)) == pytest.approx(FIRST_HZ, rel=0.02)
    status, headers, body = await opened(web, over(web))
    assert (status, headers["content-type"]) == (410, "text/plain; charset=utf-8")
    assert body.startswith(b"This link was valid until ")
    async with asyncio.timeout(PATIENCE_S):
        while len(told := await listenings(web)) < 3:  # the server notices by and by that he has left
            await asyncio.sleep(0.02)
    assert [each["first_byte"] for each in told] == [44 + 160_000, 44 + 3_200_000, 0]
    assert all(each["link"].startswith("ticket-4711-") and not each["key"] for each in told)
    assert all(8000 <= each["sent"] < 3_840_000 for each in told), "he left long before the end"


async def test_the_whole_file_is_what_was_recorded(web: WebRig) -> None:
    content = sound(1, FIRST_HZ, SECOND_HZ)
    recording = await store(web, content)
    status, headers, body = await opened(web, await link_to(web))
    assert (status, body) == (200, content)
    with wave.open(BytesIO(body)) as wav:
        assert wav.getnframes() == 16_000
    assert headers["content-disposition"] == f'inline; filename="{RECORDING}.wav"'
    assert headers["etag"] == f'"{recording.sha256}"'
    assert headers["cache-control"] == "private, no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "media-src 'self'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


async def test_parts_are_sent_as_asked_for(web: WebRig) -> None:
    content = sound(0.5, FIRST_HZ)
    recording = await store(web, content)
    link, size = await link_to(web), len(content)
    etag, weak = f'"{recording.sha256}"', f'W/"{recording.sha256}"'
    for headers, status, part in [
        ({"range": "bytes=0-99"}, 206, content[:100]),
        ({"range": "bytes=-100"}, 206, content[-100:]),
        ({"range": "bytes=100-"}, 206, content[100:]),
        ({"range": "bytes=0-1,5-6"}, 200, content),
        ({"range": "pages=1-2"}, 200, content),
        ({"range": "bytes=0-99", "if-range": etag}, 206, content[:100]),
        ({"range": "bytes=0-99", "if-range": weak}, 200, content),
        ({"range": "bytes=0-99", "if-range": '"another"'}, 200, content),
        ({"range": "bytes=0-99", "if-range": "Sat, 21 Nov 2026 12:00:00 GMT"}, 200, content),
    ]:
        came, told, body = await opened(web, link, **headers)
        assert (came, body) == (status, part), headers
        first = content.rindex(part)
        if status == 206:
            assert told["content-range"] == f"bytes {first}-{first + len(part) - 1}/{size}"
    came, told, body = await opened(web, link, range=f"bytes={size}-")
    assert (came, told["content-range"], told["content-type"]) == (416, f"bytes */{size}", "text/plain; charset=utf-8")


async def test_a_look_at_the_head_is_no_listening(web: WebRig) -> None:
    content = sound(0.1, FIRST_HZ)
    await store(web, content)
    link = await link_to(web)
    status, headers, body = await opened(web, link, "HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(content)), b"")
    assert headers["accept-ranges"] == "bytes"
    status, headers, _ = await opened(web, link, "HEAD", range="bytes=0-9")
    assert (status, headers["content-length"]) == (206, "10")
    assert (await opened(web, link.replace("signature=", "signature=x"), "HEAD"))[0] == 403
    assert await listenings(web) == []


async def test_a_link_that_was_changed_opens_nothing(web: WebRig) -> None:
    await store(web, sound(0.1, FIRST_HZ))
    await store(web, sound(0.1, SECOND_HZ), "other-1")
    link = await link_to(web)
    query = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    changed = [
        link.replace(RECORDING, "other-1"),
        link.replace(query["expires"], str(int(query["expires"]) + 1)),
        link.replace(query["link"], "another"),
        link[:-1],
        link + "x",
        link.partition("&signature")[0],
        link.partition("?")[0],
        over(web)[:-1],
    ]
    for each in changed:
        status, headers, body = await opened(web, each)
        assert (status, headers["content-type"]) == (403, "text/plain; charset=utf-8"), each
        assert body.startswith(b"This link is not whole")
    assert await listenings(web) == []


async def test_a_link_to_what_is_gone_says_so(web: WebRig) -> None:
    await store(web, sound(0.1, FIRST_HZ))
    link = await link_to(web)
    assert (await web.ask("DELETE", f"/recordings/{RECORDING}"))[0] == 204
    status, _, body = await opened(web, link)
    assert (status, body.splitlines()[0]) == (410, b"This recording has been deleted.")
    for recording_id, state in (("lost", RecordingState.LOST), ("on-its-way", RecordingState.ENDED)):
        await put_on_record(web, recording_id, state=state)
    soon = now() + timedelta(hours=1)
    for recording_id in ("lost", "on-its-way", "nothing"):
        link = url_of(web.services, Link(recording_id, "x", soon)).removeprefix(web.url)
        assert (await opened(web, link))[0] == 404


async def test_a_link_lasts_as_long_as_it_was_made_for(web: WebRig) -> None:
    await store(web, sound(0.1, FIRST_HZ))
    for wanted, seconds in (({}, 3600), ({"expires_s": 30 * 86_400}, 30 * 86_400)):
        _, told = await web.ask("POST", f"/recordings/{RECORDING}/links", json=wanted)
        left = datetime.fromisoformat(told["expires_at"]) - now()
        assert seconds - 10 < left.total_seconds() <= seconds
    for wrong in ({"expires_s": 30 * 86_400 + 1}, {"expires_s": 0}, {"name": "a b"}, {"name": "x" * 65}, {"x": 1}):
        status, _ = await web.ask("POST", f"/recordings/{RECORDING}/links", json=wrong)
        assert status == 422


async def test_a_link_leads_to_where_people_reach_us_whatever_the_request_says(tmp_path: Path) -> None:
    config = CONFIG.replace(
        "web: {", 'web: {public_url: "https://pbx.example.com/phone/", trusted_proxies: [127.0.0.1], '
    )
    async with web_rig(tmp_path, config) as web:
        await store(web, sound(0.1, FIRST_HZ))
        url = f"{web.url}/api/v1/recordings/{RECORDING}/links"
        headers = {
            "authorization": f"Bearer {TOKEN}",
            "host": "evil.example.com",
            "x-forwarded-host": "evil.example.com",
            "x-forwarded-for": "127.0.0.1",
        }
        async with web.http.post(url, headers=headers) as answer:
            link = (await answer.json())["url"]
        assert link.startswith("https://pbx.example.com/phone/recordings/")
        path = link.removeprefix("https://pbx.example.com/phone")
        await opened(web, path, **{"x-forwarded-for": "198.51.100.7, 192.0.2.9"})
        await web.services.recordings.listenings.flush()
        found, _ = await web.services.recordings.archive.listenings(RECORDING, 0, 10)
        assert [each.address for each in found] == ["192.0.2.9"]


async def test_whoever_leaves_in_the_middle_is_on_record_with_what_he_got(web: WebRig) -> None:
    content = sound(300, FIRST_HZ)
    await store(web, content)
    url = urlsplit(web.url + await link_to(web))
    with socket.create_connection((url.hostname, url.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        loop = asyncio.get_running_loop()
        client.setblocking(False)
        assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(PATIENCE_S):
        while not (told := await listenings(web)):
            await asyncio.sleep(0.02)
    assert 0 < told[0]["sent"] < len(content)


async def test_nothing_of_a_signature_is_logged(web: WebRig) -> None:
    await store(web, sound(0.1, FIRST_HZ))
    with capture_logs() as lines:
        link = await link_to(web, name="ticket-4711")
        await opened(web, link)
        await opened(web, link[:-1])
        await web.services.recordings.store.delete(f"2026/11/21/{RECORDING}.wav")
        assert (await opened(web, link))[0] == 503
    signature = parse_qs(urlsplit(link).query)["signature"][0]
    assert any("a link to a recording was made" in line["event"] for line in lines)
    assert signature[:20] not in str(lines)


async def test_no_key_opens_the_public_path_and_other_methods_are_refused(web: WebRig) -> None:
    await store(web, sound(0.1, FIRST_HZ))
    link = await link_to(web)
    for method in ("POST", "DELETE", "PUT"):
        status, headers, _ = await opened(web, link, method)
        assert (status, headers["allow"]) == (405, "GET, HEAD")
    status, headers, body = await opened(web, "/recordings/")
    assert (status, headers["content-type"]) == (404, "text/plain; charset=utf-8"), body
    async with aiohttp.ClientSession() as stranger, stranger.get(web.url + link) as answer:
        assert answer.status == 200
