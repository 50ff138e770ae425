"""The sample API, a process of its own that costs little: it knows who is responsible for every caller.

    python -m bench.api         tells its port on standard output, and answers until it is ended

GET ...?phone_number=+12122000001 answers after DELAY_S as Aircall does: the caller's last call, with its user. With
&slow=yes it takes SLOW_S, as an API on the internet.
"""

import asyncio

from aiohttp import web

HOST = "127.0.0.1"
DELAY_S = 0.005
SLOW_S = 0.1
FIRST_USER = 1001
USERS = 10


def user_of(number: str) -> int:
    """Callers are spread evenly over the users, by the end of their number."""
    return FIRST_USER + int(number[-2:]) % USERS


async def search(request: web.BaseRequest) -> web.Response:
    """The last call of this number."""
    await asyncio.sleep(SLOW_S if "slow" in request.query else DELAY_S)
    user = user_of(request.query["phone_number"])
    return web.json_response({"calls": [{"id": 4711, "direction": "inbound", "user": {"id": user}}]})


async def serve() -> None:
    """Answer until the process is ended."""
    runner = web.ServerRunner(web.Server(search))  # no routing, no middlewares: nothing but the answer
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
