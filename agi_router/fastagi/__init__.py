"""The AGI door: Asterisk's dialplan asks over FastAGI, a handler answers with channel variables. It decides nothing.

The protocol: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/
"""

from agi_router.fastagi.door import DoorStatus, FastAgiDoor
from agi_router.fastagi.errors import AgiError, CommandError, DoorError, HangUpError
from agi_router.fastagi.request import AgiRequest
from agi_router.fastagi.session import Session
from agi_router.fastagi.settings import AgiSettings

__all__ = [
    "AgiError",
    "AgiRequest",
    "AgiSettings",
    "CommandError",
    "DoorError",
    "DoorStatus",
    "FastAgiDoor",
    "HangUpError",
    "Session",
]
