"""The URL of a request, with variables in its path and query and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from agi_router.routing.template import Template, Values, in_path, in_query

# What the operator wrote stays; only what cannot stand in a request line is encoded.
_KEPT = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"<>\\^`')


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """`origin` (scheme, host, port) is fixed; `path` and `query` are templates."""

    origin: str
    path: Template
    query: Template

    @classmethod
    def parse(cls, text: str) -> "UrlTemplate":
        """Raises ValueError when it is no http(s) URL, names a user, or has a variable in front of its path."""
        scheme, separator, rest = text.partition("://")
        if not separator:
            raise ValueError("is not an http:// or https:// URL; write it in full, with its scheme")
        authority_end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
        authority, tail = rest[:authority_end], rest[authority_end:]
        if "{{" in scheme + authority:
            raise ValueError("a variable stands in the scheme, host or port; only the path and the query may have them")
        if scheme not in {"http", "https"}:
            raise ValueError("is not an http:// or https:// URL")
        if "@" in authority:
            raise ValueError("names a user or password in the URL; use auth: {type: basic, username: …, password: …}")
        if "#" in tail:
            raise ValueError("has a #fragment, which is never sent; take it away, or write %23")
        _check_host(authority)
        path, _, query = tail.partition("?")
        return cls(f"{scheme}://{authority}", _kept(path or "/"), _kept(query))

    def render(self, values: Values, more: Iterable[tuple[str, str]] = ()) -> str:
        """The URL for one call; `more` are query fields to add, not yet encoded."""
        own = self.query.render(values, in_query)
        query = "&".join(filter(None, [own, *(f"{in_query(name)}={in_query(value)}" for name, value in more)]))
        return self.origin + self.path.render(values, in_path) + (f"?{query}" if query else "")

    @property
    def variables(self) -> frozenset[str]:
        """The names that stand in the URL."""
        return self.path.variables | self.query.variables


def _check_host(authority: str) -> None:
    try:
        parts = urlsplit(f"//{authority}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f'has a host or port that cannot be: "{authority}"') from None
    if not host:
        raise ValueError("has no host")
    if any(not 0 < len(label) <= 63 for label in host.removesuffix(".").split(".")):
        raise ValueError(f'has a host that cannot be: "{host}"')
    if not authority.isascii() or any(character <= " " or character in '\\%"<>^`{|}' for character in authority):
        raise ValueError(f'has a host with characters that no host has: "{authority}" (write xn-- names in ASCII)')


def _kept(text: str) -> Template:
    parsed = Template.parse(text)
    return Template(tuple(quote(part, safe=_KEPT) if isinstance(part, str) else part for part in parsed.parts))
