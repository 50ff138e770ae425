"""A mailbox of Asterisk's app_voicemail, as answers and configurations name it."""

import re

from agi_router.routing.errors import RoutingError, shown

DEFAULT_CONTEXT = "default"

# No comma, parenthesis or &: the name stands inside VM_INFO(), and VoiceMail() takes several mailboxes by &.
_MAILBOX = re.compile(r"[A-Za-z0-9_.-]{1,40}(@[A-Za-z0-9_.-]{1,79})?")


def parse_mailbox(text: str) -> str:
    """ "101" and "101@sales" as mailbox@context, the context being "default" where none is given.

    Raises RoutingError value_not_mailbox.
    """
    mailbox = text.strip()
    if not _MAILBOX.fullmatch(mailbox):
        raise RoutingError(
            "value_not_mailbox",
            f"{shown(text)} is not a mailbox",
            "name one mailbox of voicemail.conf, such as 101, with its context where that is not default: 101@sales",
        )
    return mailbox if "@" in mailbox else f"{mailbox}@{DEFAULT_CONTEXT}"
