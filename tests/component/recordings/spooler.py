"""Asterisk's recordings over real HTTP, as a test wants them: what a real Asterisk can't be made to do at a moment."""

import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from ari_app.asterisk.settings import AriSettings
from ari_app.asterisk.spool import AriSpool, open_spool
from tests.component.http_api import api


def wav(seconds: float, *, told: bool = True) -> bytes:
    """16 bit at 8 kHz; unless `told`, its header is that of a file whose writer was killed."""
    sound = b"\x01\x02" * int(seconds * 8000)
    sizes = (36 + len(sound), len(sound)) if told else (0, 0)
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", sizes[0], b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", sizes[1]
    )
    return header + sound


@dataclass
class Spooler:
    """`files` by their names, `running` those that are still recorded; each request is answered by `failing` first."""

    files: dict[str, bytes] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    failing: list[int] = field(default_factory=list)
    cut: bool = False
    asked: list[str] = field(default_factory=list)
    deleting: Callable[[], Awaitable[None]] | None = None  # before it is done

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path.removeprefix('/ari/recordings/')}")
        if self.failing:
            return web.Response(status=self.failing.pop(0))
        match request.method, request.path.split("/")[3:]:
            case "GET", ["live", name]:
                return web.json_response({"name": name}, status=200 if name in self.running else 404)
            case "GET", ["stored"]:
                return web.json_response([{"name": name, "format": "wav"} for name in self.files])
            case "GET", ["stored", name, "file"] if name in self.files:
                return await self._sent(request, self.files[name])
            case "DELETE", ["stored", name] if name in self.files:
                if self.deleting is not None:
                    await self.deleting()
                del self.files[name]
                return web.Response(status=204)
            case _:
                return web.json_response({"message": "Recording not found"}, status=404)

    async def _sent(self, request: web.Request, content: bytes) -> web.StreamResponse:
        if not self.cut:
            return web.Response(body=content, content_type="audio/wav")
        self.cut = False
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        assert request.transport is not None
        request.transport.abort()
        return response


@asynccontextmanager
async def spooling() -> AsyncIterator[tuple[Spooler, AriSpool]]:
    spooler = Spooler()
    async with api(spooler.answer) as port:
        settings = AriSettings(url=f"http://127.0.0.1:{port}", username="router", password="p&%", app="agi-router")
        async with open_spool(settings) as spool:
            yield spooler, spool
