"""A place in Asterisk's dialplan, as answers and configurations name it: "context,exten,priority"."""

import re
from dataclasses import dataclass

from agi_router.routing.errors import RoutingError, shown

# No comma, parenthesis, brace or $: a name from outside stands inside DIALPLAN_EXISTS() and must not end it.
CONTEXT = re.compile(r"[A-Za-z0-9_.-]{1,79}")
_EXTEN = re.compile(r"[A-Za-z0-9*#+][A-Za-z0-9*#+_.-]{0,78}")
_PRIORITY = re.compile(r"[1-9][0-9]{0,4}")


@dataclass(frozen=True, slots=True)
class DialplanPlace:
    """A line of the dialplan: what `Goto(context,exten,priority)` would go to."""

    context: str
    exten: str = "s"
    priority: int = 1

    @classmethod
    def parse(cls, text: str) -> "DialplanPlace":
        """Read "context,exten,priority"; exten and priority may be left out. Raises RoutingError value_not_dialplan."""
        context, exten, priority, *more = *(part.strip() for part in text.split(",")), "", ""
        exten, priority = exten or "s", priority or "1"
        known = CONTEXT.fullmatch(context) and _EXTEN.fullmatch(exten) and _PRIORITY.fullmatch(priority)
        if not known or any(more):
            raise RoutingError(
                "value_not_dialplan",
                f"{shown(text)} is not a place in the dialplan",
                "write context,exten,priority, for example ivr,s,1: a context of letters, digits and _ . -, an "
                "extension that may also have * # +, and a priority that is a number, no label",
            )
        return cls(context, exten, int(priority))

    def __str__(self) -> str:
        return f"{self.context},{self.exten},{self.priority}"
