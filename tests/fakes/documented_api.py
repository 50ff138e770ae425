"""A page of our documentation as a service: it takes the requests printed there, to the letter, and answers as printed.

A page prints what to set in a `sh` block, and pairs of an `http` block (a request as it should arrive) and a
`json answer` block, or a `text answer` one. A `json nobody` block is what the last request is answered for a caller
who is unknown.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>[^\n]+)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
CALL_ID = "20260304T050607-9f3a2c1b77aa"  # of the call on every page
A_CALL_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{12}")
EXPORT = re.compile(r"^export (\w+)=(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as printed, and its answer. `content` is the body, read as its type says: a document, or pairs."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    content: Any
    answer: str


@dataclass(frozen=True, slots=True)
class Page:
    """What a page prints."""

    environment: dict[str, str]
    exchanges: tuple[Exchange, ...]
    nobody: str | None
    yaml: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "Page":
        """Raises AssertionError when an http block has no answer behind it."""
        blocks = [(found["kind"], dedent(found["text"])) for found in BLOCK.finditer(file.read_text(encoding="utf-8"))]
        exchanges = []
        for (kind, text), (next_kind, answer) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
            if kind == "http":
                assert next_kind.endswith(" answer"), f"{file.name}: a request without its answer"
                exchanges.append(_exchange(text, answer.rstrip("\n")))
        return cls(
            environment=dict(EXPORT.findall("\n".join(text for kind, text in blocks if kind == "sh"))),
            exchanges=tuple(exchanges),
            nobody=next((text for kind, text in blocks if kind == "json nobody"), None),
            yaml=tuple(text for kind, text in blocks if kind == "yaml"),
        )

    def knowing_nobody(self) -> "Page":
        """The same page with a caller who is unknown."""
        assert self.nobody is not None
        return replace(self, exchanges=(*self.exchanges[:-1], replace(self.exchanges[-1], answer=self.nobody)))


@dataclass(slots=True)
class DocumentedApi:
    """The running service. `mismatches` tell of requests that are not as printed; they were answered 400 or so.

    With `any_call` a call may have another id than the one on the page.
    """

    page: Page
    any_call: bool = False
    port: int = 0
    asked: list[str] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        body = await request.text()
        found = A_CALL_ID.search(request.query_string + body) if self.any_call else None
        call_id = CALL_ID if found is None else found[0]
        for exchange in self.page.exchanges:
            if (exchange.method, exchange.path) == (request.method, request.path):
                wrong = list(_differences(exchange, request, body, call_id))
                if not wrong:
                    answer = exchange.answer.replace(CALL_ID, call_id)
                    return web.Response(text=answer, content_type="application/json")
                self.mismatches += wrong
                return web.Response(status=401 if any("authorization" in each for each in wrong) else 400)
        self.mismatches.append(f"{request.method} {request.path} is not on the page")
        return web.Response(status=404)


@asynccontextmanager
async def documented_api(page: Page, *, any_call: bool = False) -> AsyncIterator[DocumentedApi]:
    """The page, played on 127.0.0.1."""
    api = DocumentedApi(page, any_call)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.port = runner.addresses[0][1]
    try:
        yield api
    finally:
        await runner.cleanup()


def _exchange(text: str, answer: str) -> Exchange:
    head, _, body = text.partition("\n\n")
    first, *lines = head.strip().splitlines()
    method, target = first.removesuffix(" HTTP/1.1").split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    parts = urlsplit(target)
    return Exchange(
        method=method,
        path=parts.path,
        query=sorted(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        content=_content(headers.get("content-type", ""), body),
        answer=answer,
    )


def _differences(exchange: Exchange, request: web.Request, body: str, call_id: str) -> list[str]:
    """What is not as printed. Of headers, those that the page prints."""
    query, body = (text.replace(call_id, CALL_ID) for text in (request.query_string, body))
    arrived = {
        "query": (sorted(parse_qsl(query, keep_blank_values=True)), exchange.query),
        "body": (_content(request.headers.get("Content-Type", ""), body), exchange.content),
        **{f"header {name}": (request.headers.get(name), value) for name, value in exchange.headers.items()},
    }
    if "authorization" not in exchange.headers:
        arrived["header authorization"] = (request.headers.get("Authorization"), None)
    return [f"{what}: got {got!r}, printed {printed!r}" for what, (got, printed) in arrived.items() if got != printed]


def _content(content_type: str, body: str) -> Any:
    match content_type.partition(";")[0]:
        case "application/json":
            return json.loads(body)
        case "application/x-www-form-urlencoded":
            return sorted(parse_qsl(body.strip(), keep_blank_values=True))
        case _:
            return body
