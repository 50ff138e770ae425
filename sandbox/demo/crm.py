"""The demo's CRM, a process of its own: it knows which customer belongs to whom.

python -m sandbox.demo.crm ADDRESS PORT +14155550177=456 ...

GET /v1/calls/search?phone_number= answers as Aircall does: the caller's last calls, the newest first, each with the
user who had it.
"""

import argparse
import asyncio

from aiohttp import web

from sandbox.demo.reports import Report, tell

SEARCH = "/v1/calls/search"
AGENTS = web.AppKey("AGENTS", dict[str, int])


async def search(request: web.Request) -> web.Response:
    """The calls of this number."""
    number = request.query.get("phone_number", "")
    tell(Report("asked", number))
    user = request.app[AGENTS].get(number)
    calls = [] if user is None else [_last_call(number, user)]
    return web.json_response({"meta": {"total": len(calls)}, "calls": calls})


def _last_call(number: str, user: int) -> dict[str, object]:
    return {"id": 4711, "direction": "inbound", "raw_digits": number, "user": {"id": user}}


async def serve(address: str, port: int, agents: dict[str, int]) -> None:
    """Answer until the process is ended."""
    app = web.Application()
    app[AGENTS] = agents
    app.router.add_get(SEARCH, search)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    tell(Report("ready"))
    await asyncio.Event().wait()


def _agent(text: str) -> tuple[str, int]:
    number, _, user = text.partition("=")
    return number, int(user)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("address")
    arguments.add_argument("port", type=int)
    arguments.add_argument("agents", nargs="*", type=_agent)
    given = arguments.parse_args()
    asyncio.run(serve(given.address, given.port, dict(given.agents)))
