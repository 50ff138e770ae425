"""Seals what the database keeps of others' secrets: whoever reads it, or a copy of it, cannot read them.

The key stands in a file beside the database (see `secret_key`). Each purpose has a key of its own from it, by HKDF
(RFC 5869); the seal is Fernet's, of the package cryptography.
"""

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Sealing:
    """Seals and opens texts with one key. Its library is loaded with the first of them: it takes 6 MB."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, text: str, purpose: str) -> str:
        """Printable ASCII, which opens for this purpose alone."""
        return self._fernet(purpose).encrypt(text.encode()).decode()

    def open(self, sealed: str, purpose: str) -> str | None:
        """None for what this key has not sealed for this purpose."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415

        try:
            return self._fernet(purpose).decrypt(sealed.encode()).decode()
        except (InvalidToken, ValueError):
            return None

    def _fernet(self, purpose: str) -> "Fernet":
        from cryptography.fernet import Fernet  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"agi-router {purpose}".encode())
        return Fernet(urlsafe_b64encode(derived.derive(self._key)))
