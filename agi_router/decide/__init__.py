"""Where a call goes: settings in, one decision after the other out. It composes lookup, directory and routing."""

from agi_router.decide.router import Router
from agi_router.decide.routing_settings import RoutingSettings

__all__ = ["Router", "RoutingSettings"]
