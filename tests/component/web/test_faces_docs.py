"""The lines that the pages of docs print for a first try of a face, as a shell runs them."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.component.web.rig import CONFIG, TOKEN, WebRig, web_rig

DOCS = Path(__file__).parents[3] / "docs"
FACES = "{voipline: {}, aircall: {}, ameyo: {requesting_hosts: [crm.example.com]}}"


@pytest.fixture
async def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebRig]:
    monkeypatch.setattr("ari_app.web.faces.ameyo.face.LONGEST_S", 0.05)
    config = CONFIG.replace("routes:", 'campaigns: [{id: "12"}]\nroutes:').replace("web: {", f"web: {{faces: {FACES}, ")
    async with web_rig(tmp_path, config) as rig:
        yield rig


@pytest.mark.parametrize(
    ("page", "answers"),
    [
        ("from-voipline.md", ['"code":200,"data":[]', '"status":"success"']),
        ("from-ameyo.md", ['"result":"FAILURE"']),
        ("from-aircall.md", ['"calls":[]', "HTTP/1.1 204"]),
    ],
)
async def test_the_lines_of_the_docs_work_as_they_are_printed(web: WebRig, page: str, answers: list[str]) -> None:
    text = (DOCS / page).read_text()
    (script,) = (block for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "curl" in block)
    export, *lines = re.sub(r" *\\\n *", " ", script).strip().splitlines()
    assert export.split()[0] == "export"
    assert len(lines) == len(answers)
    environment = {"PATH": "/usr/bin:/bin", "PBX": web.url, "KEY": TOKEN}
    for line, answer in zip(lines, answers, strict=True):
        shell = await asyncio.create_subprocess_shell(line, stdout=asyncio.subprocess.PIPE, env=environment)
        out, _ = await shell.communicate()
        assert answer in out.decode(), line
