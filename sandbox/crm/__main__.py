"""`python -m sandbox.crm`: a CRM with a plain REST API, and a few people in it, until it is interrupted."""

import argparse
import asyncio
import contextlib
import math
import secrets

from sandbox.api import bearer
from sandbox.crm.generic import GenericCrm


async def serve(address: str, port: int) -> None:
    """Run it, say how to reach it, and show every change that it is told."""
    token = secrets.token_urlsafe(16)
    async with GenericCrm(address, port) as crm:
        crm.accept(bearer(token))
        crm.add_user(first_name="Ada", last_name="Lovelace", email="ada@example.com", extension="101")
        crm.add_contact(first_name="Grace", last_name="Hopper", phone="+14155550177", company_name="Navy")
        crm.add_contact(first_name="Joan", last_name="Clarke", phone="(415) 555-0123")
        print(f"Base URL      {crm.url}\nAccess token  {token}")
        print(
            "Its contacts have the numbers +14155550177 and (415) 555-0123. All of it is gone at its end (Ctrl-C).",
            flush=True,
        )
        while True:
            await crm.until(lambda: bool(crm.requests), timeout_s=math.inf)
            for request in crm.requests:
                if request.method != "GET":
                    print(f"{request.method} {request.path} {request.body or ''}", flush=True)
            crm.requests.clear()


def main() -> None:
    """Carry out the command."""
    arguments = argparse.ArgumentParser(prog="python -m sandbox.crm", description=__doc__)
    arguments.add_argument("--address", default="127.0.0.1", help="one of 127.0.0.0/8 (127.0.0.1)")
    arguments.add_argument("--port", type=int, default=8001, help="where it listens (8001)")
    options = arguments.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.address, options.port))


if __name__ == "__main__":
    main()
