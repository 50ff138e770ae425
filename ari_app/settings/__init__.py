"""The whole configuration: routing's sections, and those of the application on top of them."""

from ari_app.settings.loading import load_control, load_settings, socket_beside
from ari_app.settings.model import AsteriskSettings, CallSettings, Settings
from ari_app.settings.sections import DEFAULT_DATABASE

__all__ = [
    "DEFAULT_DATABASE",
    "AsteriskSettings",
    "CallSettings",
    "Settings",
    "load_control",
    "load_settings",
    "socket_beside",
]
