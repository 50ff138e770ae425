"""Texts that stand where a secret belongs: a router that starts with one is open, or asks an API in vain."""

import re
from typing import Final

_WORDS: Final = frozenset(
    {
        *("changeit", "changeme", "changemenow", "changethis", "fillin", "fillme", "fixme", "placeholder", "redacted"),
        *("removed", "replaceme", "replacethis", "setme", "tbd", "todo"),
    }
)
"""Without case and punctuation."""

_WHAT: Final = "(?:token|key|secret|password|passwd|passphrase|credentials)"
_PHRASE: Final = re.compile(
    rf"(?:your|insert|enter|put|paste|replace|add|change)\w{{0,24}}{_WHAT}(?:goes)?(?:here)?"
    rf"|\w{{0,24}}{_WHAT}(?:goes)?here|x{{3,}}"
)
_MARKS: Final = re.compile(r"<[^<>]*>|\{\{?[^{}]*\}?\}|\[[^\[\]]*\]|[*.…?#-]{3,}|…")


def is_placeholder(text: str) -> bool:
    """Whether nobody can mean this as a secret: CHANGE_ME, your-token-here, xxx, <token>, ***."""
    plain = re.sub(r"[\W_]", "", text).lower()
    return plain in _WORDS or bool(_PHRASE.fullmatch(plain)) or bool(_MARKS.fullmatch(text.strip()))
