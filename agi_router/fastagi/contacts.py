"""The contacts of phones, asked of Asterisk's dialplan: of many in one question."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

LONGEST_EXPRESSION: Final = 1900
"""In bytes: an AGI command before July 2025 has 2048."""

_DIALLABLE: Final = re.compile(r"[!-~]+")
_IPV6: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]")
_SPLITS_DIAL: Final = frozenset("&,|\"'\\()[]{}$^")
"""In the URI of a contact, which a phone writes itself, these would begin another argument or leg of Dial()."""


class Evaluates(Protocol):
    """Whoever can ask the dialplan."""

    async def evaluate(self, expression: str) -> str:
        """What the dialplan would make of this expression."""
        ...


async def contacts(dialplan: Evaluates, endpoints: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Of each of these PJSIP endpoints the dial strings of its contacts; () of one that is not registered, or unknown.

    The names of the endpoints have been checked: they stand in an expression.
    """
    found: dict[str, tuple[str, ...]] = {}
    for some in _chunks(dict.fromkeys(endpoints)):
        told = await dialplan.evaluate(" ".join(map(_expression, some)))
        for endpoint, text in zip(some, told.split(" "), strict=False):
            found[endpoint] = diallable(text, endpoint)
    return found


def diallable(text: str, endpoint: str) -> tuple[str, ...]:
    """The contacts in what PJSIP_DIAL_CONTACTS() tells of this endpoint, without those that are no safe dial strings.

    A phone may register a contact with an & of its own: `sip:a&PJSIP/+19005550123@trunk` must not become a second leg.
    """
    each = re.split(f"&(?=PJSIP/{re.escape(endpoint)}/)", text)
    return tuple(contact for contact in each if _is_safe(contact, endpoint))


def _is_safe(contact: str, endpoint: str) -> bool:
    begins = contact.startswith(f"PJSIP/{endpoint}/")
    return begins and _DIALLABLE.fullmatch(contact) is not None and _SPLITS_DIAL.isdisjoint(_IPV6.sub("", contact))


def _expression(endpoint: str) -> str:
    return "${PJSIP_DIAL_CONTACTS(" + endpoint + ")}"


def _chunks(endpoints: Iterable[str]) -> Iterator[list[str]]:
    some: list[str] = []
    size = 0
    for endpoint in endpoints:
        more = len(_expression(endpoint)) + 1
        if some and size + more > LONGEST_EXPRESSION:
            yield some
            some, size = [], 0
        some.append(endpoint)
        size += more
    if some:
        yield some
