"""Prepares the demo for an Asterisk and a router that others start, as docker/compose.yaml does.

python -m sandbox.demo.premises FOLDER      writes the folder, and keeps its addresses from others until it is ended

FOLDER/asterisk/        etc, run, lib, spool, log: what Asterisk reads and writes
FOLDER/router/          agi-router.yaml; the router puts its database and its control socket beside it
FOLDER/premises.json    the addresses, for `python -m sandbox.demo --attach FOLDER`; when it is there, so is the rest
"""

import argparse
import json
import signal
import socket
import sys
from dataclasses import asdict
from pathlib import Path

import yaml

from sandbox import configuration
from sandbox.demo.beside import AsteriskBeside, Beside, RouterBeside
from sandbox.demo.company import SHORT_NUMBERS, crm_at, demo_config, softphone_endpoint
from sandbox.errors import SandboxError
from sandbox.layout import Layout, claim_network, free_port

ADDRESSES = "premises.json"


def write(folder: Path, layout: Layout) -> None:
    """Write everything. Raises SandboxError when the folder holds premises already."""
    beside = _beside(folder, layout, free_port(layout.api, socket.SOCK_STREAM))
    try:
        configuration.write(folder / "asterisk", layout, route="sales", extra_dialplan=SHORT_NUMBERS)
    except FileExistsError:
        raise SandboxError(
            f"{folder} has been used before. Give an empty folder. In containers the last run is not over: "
            "docker compose -f docker/compose.yaml down"
        ) from None
    with (folder / "asterisk" / "etc" / "pjsip.conf").open("a") as pjsip:
        pjsip.write(softphone_endpoint(beside.asterisk))
    beside.router.config_path.parent.mkdir()
    config = demo_config(beside.asterisk, crm_at(layout, beside.crm_port))
    beside.router.config_path.write_text(yaml.safe_dump(config))
    complete = folder / f"{ADDRESSES}.new"
    complete.write_text(json.dumps({"layout": asdict(layout), "crm_port": beside.crm_port}))
    complete.rename(folder / ADDRESSES)


def read(folder: Path) -> Beside:
    """What runs there. Raises SandboxError when nobody has written it."""
    try:
        addresses = json.loads((folder / ADDRESSES).read_text())
    except FileNotFoundError:
        raise SandboxError(
            f"There is no {ADDRESSES} in {folder}. It is written by: python -m sandbox.demo.premises {folder}"
        ) from None
    return _beside(folder, Layout(**addresses["layout"]), addresses["crm_port"])


def _beside(folder: Path, layout: Layout, crm_port: int) -> Beside:
    return Beside(
        asterisk=AsteriskBeside(layout, folder / "asterisk"),
        router=RouterBeside(folder / "router" / "agi-router.yaml"),
        crm_port=crm_port,
    )


def main() -> None:
    """Write, and stay."""
    arguments = argparse.ArgumentParser(prog="python -m sandbox.demo.premises")
    arguments.add_argument("folder", type=Path)
    folder = arguments.parse_args().folder
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    network = claim_network()
    try:
        write(folder, network.layout())
    except SandboxError as error:
        sys.exit(str(error))
    signal.sigwait((signal.SIGINT, signal.SIGTERM))
    network.release()


if __name__ == "__main__":
    main()
