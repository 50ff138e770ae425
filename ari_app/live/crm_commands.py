"""What the control socket can be asked about CRMs, for `agi-router crm`."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agi_router.document.problems import suggestion
from ari_app.calls.clock import now
from ari_app.control.settings import ControlError
from ari_app.crm.connectors import Connectors
from ari_app.crm.told import connector_as_json
from ari_app.domain.crm_login import Login
from ari_app.live.forms import Command, read_form
from ari_app.storage.errors import StorageError

Arguments = Mapping[str, Any]
LONGEST_VALUE = 16_384


class _One(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64)


class _Login(_One):
    properties: dict[str, str] = Field(default_factory=dict, max_length=64)
    refresh_token: str = Field(default="", max_length=LONGEST_VALUE)
    access_token: str = Field(default="", max_length=LONGEST_VALUE)


def crm_commands(connectors: Connectors, matched_forms: Callable[[str], Mapping[str, int]]) -> Mapping[str, Command]:
    """By their names. They raise ControlError with what is wrong.

    `matched_forms` tells how often each form of a number was the one that this CRM knew.
    """

    async def list_(_: Arguments) -> Mapping[str, Any]:
        told = [
            connector_as_json(each) | {"matched_forms": dict(matched_forms(each.name))} for each in connectors.values()
        ]
        return {"connectors": told}

    async def log_in(given: Arguments) -> Mapping[str, Any]:
        form = read_form(_Login, given)
        login = Login(
            connector=form.name,
            properties=form.properties,
            refresh_token=form.refresh_token,
            access_token=form.access_token,
            at=now(),
        )
        try:
            await connectors.log_in(login)
        except StorageError as error:
            raise ControlError(str(error), error.remedy) from error
        # a CRM that is new in the configuration is logged in before the router is restarted to take it
        return connector_as_json(connectors[form.name]) if form.name in connectors else {}

    async def log_out(given: Arguments) -> Mapping[str, Any]:
        form = read_form(_One, given)
        _known(connectors, form.name)
        try:
            await connectors.log_out(form.name)
        except StorageError as error:
            raise ControlError(str(error), error.remedy) from error
        return connector_as_json(connectors[form.name])

    return {"crm": list_, "crm_login": log_in, "crm_logout": log_out}


def _known(connectors: Connectors, name: str) -> None:
    if name not in connectors:
        raise ControlError(
            f'the running router has no CRM "{name}"{suggestion(name, list(connectors))} [crm_unknown]',
            "Is it new in the configuration? Then restart the router.",
        )
