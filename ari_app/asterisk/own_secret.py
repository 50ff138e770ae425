"""The secrets of Asterisk's interfaces: an operator's own, and not those of a sample."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

from agi_router.settings.placeholders import is_placeholder

# Seen in samples, howtos and first drafts, or guessed first; compared without case and punctuation.
_WEAK: Final = frozenset(
    {
        *("", "admin", "agirouter", "arisecret", "aripassword", "asterisk", "default", "example", "letmein"),
        *("mypassword", "mysecret", "mytoken", "none", "null", "password", "passwort", "router", "s3cret", "secret"),
        *("test", "token", "1234", "12345", "123456", "12345678", "123456789", "qwerty"),
    }
)


def _own_secret(secret: SecretStr) -> SecretStr:
    given = secret.get_secret_value()
    if is_placeholder(given) or re.sub(r"[\W_]", "", given).lower() in _WEAK:
        what = f'is the placeholder "{given}"' if given else "is empty"
        raise ValueError(f"{what}; make one of your own, for instance with: openssl rand -hex 24")
    return secret


OwnSecret = Annotated[SecretStr, AfterValidator(_own_secret)]
"""Refuses what is empty or a placeholder."""
