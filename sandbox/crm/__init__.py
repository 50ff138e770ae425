"""CRMs that stand in for real ones: HTTP servers that keep what they are told, and fail as a test wants."""

from sandbox.crm.faults import Fault, Faults, Trouble
from sandbox.crm.generic import GenericCrm
from sandbox.crm.hubspot import HubSpotCrm
from sandbox.crm.server import ReceivedRequest

__all__ = ["Fault", "Faults", "GenericCrm", "HubSpotCrm", "ReceivedRequest", "Trouble"]
