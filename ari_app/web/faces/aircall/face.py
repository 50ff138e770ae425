"""Aircall's operations, at its paths."""

from typing import Final

from fastapi import APIRouter

from ari_app.web.faces.aircall import calling, search
from ari_app.web.faces.aircall.errors import tell
from ari_app.web.faces.face import Face

PREFIX: Final = "/v1"


def aircall_face() -> Face:
    """The face."""
    resource = APIRouter(prefix=PREFIX, tags=["Aircall"])
    resource.include_router(search.resource)
    resource.include_router(calling.resource)
    return Face(prefix=f"{PREFIX}/", resource=resource, tell=tell)
