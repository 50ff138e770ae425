"""What proxies say of who was there before them: the entries of X-Forwarded-For, or of Forwarded (RFC 7239)."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, assert_never


class ProxyHeader(StrEnum):
    """By which header the trusted proxies say it. The other one comes from the client, and is not read."""

    X_FORWARDED_FOR = "X-Forwarded-For"
    FORWARDED = "Forwarded"


_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR: Final = rf'{_WORD}=(?:{_WORD}|"(?:[^"\\]|\\.)*")'
_ELEMENT: Final = re.compile(rf"[ \t]*(?P<pairs>(?:{_PAIR}(?:[ \t]*;[ \t]*{_PAIR})*)?)[ \t]*(?P<more>,|\Z)")
_NODE: Final = re.compile(rf'(?P<name>{_WORD})=(?:(?P<token>{_WORD})|"(?P<quoted>(?:[^"\\]|\\.)*)")')
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


def entries(header: ProxyHeader, values: Sequence[str]) -> list[str]:
    """Who asked whom, from the left to the right; `values` are those of all headers of this name, in their order.

    What is no address is an entry too, and none is left out: each proxy has added one, at the right.
    """
    match header:
        case ProxyHeader.X_FORWARDED_FOR:
            return [entry.strip() for value in values for entry in value.split(",")]
        case ProxyHeader.FORWARDED:
            return [node for value in values for node in _nodes(value)]
        case _:
            assert_never(header)


def _nodes(value: str) -> list[str]:
    """The `for` of each element (RFC 7239, section 4); "" of one that has none, or two.

    Of a value that breaks the grammar nobody knows where its elements begin: a quotation mark that a client leaves open
    swallows what the proxy has added. It is one entry, "".
    """
    nodes: list[str] = []
    at = 0
    while (element := _ELEMENT.match(value, at)) is not None:
        named = [_text(pair) for pair in _NODE.finditer(element["pairs"]) if pair["name"].lower() == "for"]
        nodes.append(named[0] if len(named) == 1 else "")
        if not element["more"]:
            return nodes
        at = element.end()
    return [""]


def _text(pair: re.Match[str]) -> str:
    return pair["token"] if pair["quoted"] is None else _QUOTED_PAIR.sub(r"\1", pair["quoted"])
