"""Links that open a recording for whoever has them, until their time is over. Nothing is kept of them.

The signature is an HMAC-SHA256 (RFC 2104) over all that the link says, with a key that is derived from the router's
own (HKDF, RFC 5869): what is signed here can be used nowhere else, and the other way round.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final
from urllib.parse import quote

DEFAULT_LIFE: Final = timedelta(hours=1)
LONGEST_LIFE: Final = timedelta(days=30)
LONGEST_NAME: Final = 64
NAME: Final = r"^[A-Za-z0-9_.@-]*$"
"""What may be wished for as the name of a link; a name has more behind it."""

_KEY_BYTES: Final = 32
_PURPOSE: Final = b"agi-router links to recordings, version 1"
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,10}")
_LINK: Final = re.compile(r"[A-Za-z0-9_.@-]{1,80}")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says: which recording, which link this is (it stands in the list of listenings), until when.

    `expires_at` is a whole second.
    """

    recording_id: str
    link: str
    expires_at: datetime

    @property
    def expires(self) -> int:
        """Seconds since the epoch."""
        return int(self.expires_at.timestamp())


class Links:
    """Signs links, and knows its own. `secret` is the router's key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @cached_property
    def _key(self) -> bytes:
        # With the first link: the library behind them takes 6 MB.
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=_PURPOSE).derive(self._secret)

    def signature(self, link: Link) -> str:
        """In the letters of URLs. Not to be logged."""
        said = "\n".join((link.recording_id, link.link, str(link.expires))).encode()
        return base64.urlsafe_b64encode(hmac.digest(self._key, said, sha256)).decode().rstrip("=")

    def url(self, base: str, link: Link) -> str:
        """As people open it, where what stands below `base` reaches us."""
        query = f"expires={link.expires}&link={link.link}&signature={self.signature(link)}"
        return f"{base}/{quote(link.recording_id, safe='')}?{query}"

    def read(self, recording_id: str, link: str, expires: str, signature: str) -> Link | None:
        """What stands in a URL, when it is ours as it is; its time may be over. None for all else."""
        if not _SECONDS.fullmatch(expires) or not _LINK.fullmatch(link) or "\n" in recording_id:
            return None
        said = Link(recording_id, link, datetime.fromtimestamp(int(expires), UTC))
        is_ours = hmac.compare_digest(self.signature(said).encode(), signature.encode("utf-8", "replace"))
        return said if is_ours else None


def link_name(wish: str) -> str:
    """A name for a new link, which no other one has: the wish with something random behind it."""
    return "-".join(filter(None, (wish, secrets.token_hex(4))))
