"""A SIP phone in asyncio: what it hears, sees and does is an event that a test awaits."""

from sandbox.phone.calls import Ending, IncomingCall, OutgoingCall, Progress
from sandbox.phone.phone import Phone, RegistrationError

__all__ = ["Ending", "IncomingCall", "OutgoingCall", "Phone", "Progress", "RegistrationError"]
