"""VoIPline's operations, at its paths."""

from typing import Final

from fastapi import APIRouter, Depends

from ari_app.settings.faces_section import VoiplineSettings
from ari_app.web.faces.face import Face
from ari_app.web.faces.voipline import calling, lists
from ari_app.web.faces.voipline.access import Allowance
from ari_app.web.faces.voipline.errors import tell

PREFIX: Final = "/api/integration/v1"


def voipline_face(settings: VoiplineSettings) -> Face:
    """The face as it is configured."""
    resource = APIRouter(prefix=PREFIX, tags=["VoIPline"], dependencies=[Depends(Allowance(settings))])
    resource.include_router(lists.resource)
    resource.include_router(calling.resource)
    return Face(prefix=f"{PREFIX}/", resource=resource, tell=tell)
