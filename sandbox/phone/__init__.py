"""A SIP phone in asyncio: what it hears, sees and does is an event that a test awaits."""

from sandbox.phone.calls import CallError, Ending
from sandbox.phone.incoming import IncomingCall
from sandbox.phone.outgoing import OutgoingCall, Progress
from sandbox.phone.phone import Phone, RegistrationError
from sandbox.phone.transfer import Transfer

__all__ = ["CallError", "Ending", "IncomingCall", "OutgoingCall", "Phone", "Progress", "RegistrationError", "Transfer"]
