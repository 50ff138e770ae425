"""The routing sections of the configuration: their shape, the rules between them, and what they become."""

from agi_router.decide import RoutingSettings
from agi_router.settings.building import routing_settings
from agi_router.settings.sections import RoutingSections

__all__ = ["RoutingSections", "RoutingSettings", "routing_settings"]
