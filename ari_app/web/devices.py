"""Devices: the phones of all users, and the trunks, as Asterisk knows them at this moment."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agi_router.decide import RoutingSettings
from agi_router.directory.users import EndpointDevice
from ari_app.access.scopes import Access, Scope
from ari_app.calls.roster import TECHNOLOGY
from ari_app.live.device_lookup import KnownDevice
from ari_app.web.access import require
from ari_app.web.paging import Listed, Paging, paging
from ari_app.web.problems import problems
from ari_app.web.services import Router, Services

resource = APIRouter(prefix="/devices", tags=["directory"])

MOST: Final = 200
"""On a page: Asterisk is asked for each of them."""
REGISTERED: Final = {"online": True, "offline": False, "missing": False}
"""By Asterisk's word for an endpoint. Of another one it is not known."""


class Kind(StrEnum):
    """What is behind a device."""

    PHONE = "phone"
    TRUNK = "trunk"


class Device(BaseModel):
    """A PJSIP endpoint. What Asterisk knows is null when it could not be asked."""

    endpoint: str = Field(examples=["PJSIP/ada"])
    kind: Kind
    user: str | None = Field(description="the id of the user who has this phone", examples=["456"])
    trunk: str | None = Field(description="the name of the trunk")
    registered: bool | None = Field(
        description="whether somebody is behind it; of a trunk, whether it answers `qualify`. null: not known"
    )
    state: str | None = Field(
        description="Asterisk's word for the endpoint: online, offline, unknown; missing: there is no such endpoint",
        examples=["online"],
    )
    contacts: list[str] | None = Field(description="SIP URIs that would ring", examples=[["sip:ada@192.0.2.7:5060"]])
    call_state: str | None = Field(
        description="Asterisk's word for its calls, as of a phone it was told last; null where it has told none",
        examples=["NOT_INUSE"],
    )


class Devices(Listed[Device]):
    """A page of devices."""

    asterisk_reached: bool = Field(description="whether Asterisk could be asked for them just now")


@resource.get("", operation_id="listDevices", responses=problems(401, 403, 422))
async def list_devices(
    router: Router,
    page: Annotated[Paging, paging(MOST)],
    _: Annotated[Access, require(Scope.DIRECTORY_READ)],
    kind: Annotated[Kind | None, Query(description="only these")] = None,
    user: Annotated[str | None, Query(max_length=254, description="only the phones of the user with this id")] = None,
) -> Devices:
    """All phones of users, then all trunks: registered or not, at which addresses, and whether they are in a call."""
    every = _all(router.settings().routing)
    part = page.of(each for each in every if kind in {None, each.kind} and user in {None, each.user})
    names = list(dict.fromkeys(_name(device) for device in part.items))
    known = await router.devices(names) if names else {}
    return Devices(
        items=[_told(router, device, (known or {}).get(_name(device))) for device in part.items],
        total=part.total,
        next=part.next,
        asterisk_reached=known is not None,
    )


def _all(routing: RoutingSettings) -> Iterator[Device]:
    for user in routing.users:
        for device in user.devices:
            if isinstance(device, EndpointDevice):
                yield _unknown(device.endpoint, Kind.PHONE, user=user.id)
    for trunk in routing.trunks:
        yield _unknown(trunk.endpoint, Kind.TRUNK, trunk=trunk.name)


def _unknown(endpoint: str, kind: Kind, *, user: str | None = None, trunk: str | None = None) -> Device:
    return Device(
        endpoint=TECHNOLOGY + endpoint,
        kind=kind,
        user=user,
        trunk=trunk,
        registered=None,
        state=None,
        contacts=None,
        call_state=None,
    )


def _told(router: Services, device: Device, known: KnownDevice | None) -> Device:
    told: dict[str, object] = {"call_state": router.presence.device_state(device.endpoint)}
    if known is not None:
        told["registered"] = REGISTERED.get(known.state)
        told["state"] = known.state
        told["contacts"] = [contact.removeprefix(f"{device.endpoint}/") for contact in known.contacts]
    return device.model_copy(update=told)


def _name(device: Device) -> str:
    return device.endpoint.removeprefix(TECHNOLOGY)
