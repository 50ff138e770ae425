"""`agi-router crm assign`: whose number it was in a call, as somebody says."""

import asyncio
from pathlib import Path

from ari_app.cli.call_views import matching_call
from ari_app.cli.outcome import Status, unfound
from ari_app.cli.output import console, print_json
from ari_app.control.client import NoRouterError, ask
from ari_app.domain.wording import printable
from ari_app.settings import load_control, load_settings


def assign_contact(config: Path, call: str, connector: str, contact: str, *, as_json: bool) -> None:
    """Have the router put it on record. Raises CommandError when no router runs, ControlError when it can't be."""
    call_id = asyncio.run(matching_call(load_settings(config).storage, call)).call_id
    asked = {"call_id": call_id, "connector": connector, "contact_id": contact}
    try:
        told = ask(load_control(config), "assign", arguments=asked)
    except NoRouterError as error:
        remedy = f"Start one: agi-router --config {config} serve. Or is it another configuration that runs?"
        raise unfound(config, error, remedy, Status.FAILED) from None
    if as_json:
        print_json(told)
        return
    who = f"{told['name'] or told['contact_id']} ({connector})"
    console().print(printable(f"call {call_id} was with {who}"), markup=False, soft_wrap=True)
