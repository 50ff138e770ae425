"""Schemathesis, all checks on, over the whole OpenAPI: no 5xx, no undocumented status, nothing wrong that passes."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiohttp import encode_basic_auth

from tests.component.web.rig import TOKEN, WebRig
from tests.component.web.test_ameyo import ameyo_rig
from tests.component.web.vendor_calls import vendor_rig

pytestmark = pytest.mark.long

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 15


async def test_the_api_keeps_what_its_openapi_says(web: WebRig, tmp_path: Path) -> None:
    await check(web, tmp_path, f"Authorization: Bearer {TOKEN}")


async def test_voiplines_face_keeps_what_its_openapi_says(tmp_path: Path) -> None:
    async with vendor_rig(tmp_path, "{voipline: {queries_per_15_minutes: off}}") as web:
        await check(web, tmp_path, f"token: {TOKEN}", "--include-tag", "VoIPline")


async def test_aircalls_face_keeps_what_its_openapi_says(tmp_path: Path) -> None:
    basic = encode_basic_auth("any", TOKEN)
    async with vendor_rig(tmp_path, "{aircall: {}}") as web:
        await check(web, tmp_path, f"Authorization: {basic}", "--include-tag", "Aircall")


async def test_ameyos_face_keeps_what_its_openapi_says(tmp_path: Path) -> None:
    async with ameyo_rig(tmp_path, "{}") as web:
        await check(web, tmp_path, f"Hash-key: {TOKEN}", "--include-tag", "Ameyo")


async def check(web: WebRig, tmp_path: Path, key: str, *options: str) -> None:
    # It is made at the first request, which takes seconds where the machine is busy; the tool waits for ten of them.
    async with web.http.get(f"{web.url}/openapi.json") as answer:
        assert answer.status == 200
    process = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        *("--config-file", CONFIGURATION),
        *("run", f"{web.url}/openapi.json", "--checks", "all", "--header", key, *options),
        *("--request-timeout", "60"),
        *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color", "--warnings", "off"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
