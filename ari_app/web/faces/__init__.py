"""Faces: APIs as other vendors print them, over the same core, so that programs written for those work unchanged.

Each stands at its vendor's own paths, takes keys with a scope of its own, and has its vendor's words for errors.
"""

from ari_app.settings.faces_section import FacesSettings
from ari_app.web.faces.aircall.face import aircall_face
from ari_app.web.faces.ameyo.face import ameyo_face
from ari_app.web.faces.face import Face
from ari_app.web.faces.voipline.face import voipline_face


def faces_of(settings: FacesSettings) -> tuple[Face, ...]:
    """Those that are configured."""
    faces: list[Face] = []
    if settings.voipline is not None:
        faces.append(voipline_face(settings.voipline))
    if settings.aircall:
        faces.append(aircall_face())
    if settings.ameyo is not None:
        faces.append(ameyo_face(settings.ameyo))
    return tuple(faces)
