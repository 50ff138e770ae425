"""Grants are kept sealed, so that whoever reads the database, or a copy of it, holds no key to the CRM.

The seal is made from the refresh token of the configuration, by which also the grant's name changes when the operator
brings a new one. Keys by HKDF (RFC 5869), the seal by Fernet of the package cryptography.
"""

import json
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agi_router.lookup.grants import HeldGrant
from agi_router.routing.auth import OAuth2Auth


class GrantSeal:
    """Names, seals and opens what is remembered for one refresh token of the configuration."""

    def __init__(self, auth: OAuth2Auth) -> None:
        whose = f"{auth.token_url}\n{auth.client_id}"
        self.grant_id = _derived(auth.refresh_token, f"agi-router oauth2 id\n{whose}").hex()
        key = _derived(auth.refresh_token, f"agi-router oauth2 seal\n{whose}")
        self._seal = Fernet(urlsafe_b64encode(key))

    def seal(self, grant: HeldGrant) -> str:
        """Printable ASCII."""
        written = [grant.refresh_token, grant.access_token, grant.obtained_at, grant.ends_at]
        return self._seal.encrypt(json.dumps(written).encode()).decode()

    def open(self, sealed: str) -> HeldGrant | None:
        """None for what this refresh token has not sealed."""
        try:
            return HeldGrant(*json.loads(self._seal.decrypt(sealed.encode())))
        except (InvalidToken, ValueError, TypeError):
            return None


def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
