"""What the tests of the REST API on a real Asterisk share: a router that has one, and a program with an API key."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.layout import free_port
from sandbox.router import Config
from tests.command import Command
from tests.system.click_to_dial.clicking import clickable
from tests.system.rig import Change, Rig

HOST = "127.0.0.1"


def with_web(change: Change = clickable) -> Change:
    """A router with a REST API; Ada and Bob have extensions, and talks may be recorded."""

    def changed(config: Config) -> None:
        change(config)
        config["defaults"]["recording"] = "on_demand"
        config["web"] = {"listen": [f"{HOST}:{free_port(HOST, socket.SOCK_STREAM)}"]}

    return changed


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its status, its JSON, and its headers in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Program:
    """Whoever asks; he opens a connection for each request, as the router may be another one by then."""

    url: str
    key: str
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """An answer; `path` comes after /api/v1. Raises aiohttp.ClientError when there is none."""
        sent = {"authorization": f"Bearer {self.key}", **{name.replace("_", "-"): v for name, v in headers.items()}}
        async with self.http.request(method, f"{self.url}/api/v1{path}", json=body, headers=sent) as answer:
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Answered(answer.status, await answer.json(content_type=None), told)

    async def place(self, user: str, number: str, query: str = "", key: str = "") -> Answered:
        """Place a call; `key` is one of idempotency."""
        headers = {"idempotency_key": key} if key else {}
        return await self.ask("POST", f"/calls{query}", {"user": user, "number": number}, **headers)


@asynccontextmanager
async def program(rig: Rig, name: str = "test") -> AsyncIterator[Program]:
    """A program whose key may do everything."""
    made = await Command(rig.router.config_path)("keys", "create", name, "--scope", "*")
    assert made.status == 0, made.err
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as http:
        (listen,) = rig.router.config["web"]["listen"]
        yield Program(f"http://{listen}", made.out.strip(), http)
