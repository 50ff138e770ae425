"""`python -m sandbox.tryton`: installs Tryton, unless it is there; with `--serve` one runs until it is interrupted."""

import argparse
import asyncio
import contextlib
import sys

from sandbox.errors import SandboxError
from sandbox.tryton import seeds
from sandbox.tryton.crm import Tryton, tryton_installation
from sandbox.tryton.environment import ADMIN, ADMIN_PASSWORD, DATABASE


async def serve(address: str, port: int) -> None:
    """Run one, and say how to reach it."""
    async with Tryton(address, port=port) as tryton:
        print(f"Tryton is at {tryton.url}, database {DATABASE}; all of it is gone when this ends (Ctrl-C).")
        print(f"  the router asks as     {seeds.CONNECTOR} / {seeds.CONNECTOR_PASSWORD}")
        print(f"  the administrator is   {ADMIN} / {ADMIN_PASSWORD}")
        for party in await tryton.records.parties():
            print(f"  {party.id:>3}  {party.name:<24}{', '.join(party.numbers)}")
        sys.stdout.flush()
        await tryton.server.wait()


def main() -> None:
    """Carry out the command."""
    arguments = argparse.ArgumentParser(prog="python -m sandbox.tryton", description=__doc__)
    arguments.add_argument("--serve", action="store_true", help="run one until it is interrupted")
    arguments.add_argument("--address", default="127.0.0.1", help="one of 127.0.0.0/8 (127.0.0.1)")
    arguments.add_argument("--port", type=int, default=8000, help="where it listens (8000)")
    options = arguments.parse_args()
    try:
        if options.serve:
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(serve(options.address, options.port))
        else:
            print(f"Tryton is ready in {tryton_installation()}")
    except SandboxError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
