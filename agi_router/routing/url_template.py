"""The URL of a request, with variables in its path and query and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from agi_router.routing.template import Secret, Spans, Template, Values, Variable, in_path, in_query

# What the operator wrote stays; only what cannot stand in a request line is encoded.
_KEPT = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"<>\\^`')


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """`origin` (scheme, host, port) is fixed; `path` and `query` are templates."""

    origin: str
    path: Template
    query: Template

    @classmethod
    def parse(cls, text: str, secret: Spans = ()) -> "UrlTemplate":
        """The `secret` spans (start, end) count where they begin behind the host: an address is not kept secret.

        Raises ValueError when it is no http(s) URL, names a user, or has a variable in front of its path.
        """
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
        path_start = len(text) - len(tail)
        query_start = len(text) - len(query)
        return cls(
            f"{scheme}://{authority}",
            _kept(path or "/", _within(secret, path_start, path_start + len(path))),
            _kept(query, _within(secret, query_start, len(text))),
        )

    def render(self, values: Values, more: Iterable[tuple[str, str]] = ()) -> str:
        """The URL for one call; `more` are query fields to add, not yet encoded."""
        own = self.query.render(values, in_query)
        query = "&".join(filter(None, [own, *(f"{in_query(name)}={in_query(value)}" for name, value in more)]))
        return self.origin + self.path.render(values, in_path) + (f"?{query}" if query else "")

    def hiding(self, mask: str) -> "UrlTemplate":
        """The same with `mask` in the place of each secret, fit for a record."""
        return UrlTemplate(self.origin, self.path.hiding(mask), self.query.hiding(mask))

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


def _within(spans: Spans, start: int, end: int) -> Spans:
    """The spans that begin in this part of the URL, counted from its start and cut at its end."""
    return [(first - start, min(last, end) - start) for first, last in spans if start <= first < end]


def _kept(text: str, secret: Spans) -> Template:
    return Template(tuple(_encoded(part) for part in Template.parse(text, secret).parts))


def _encoded(part: str | Secret | Variable) -> str | Secret | Variable:
    match part:
        case str():
            return quote(part, safe=_KEPT)
        case Secret():
            return Secret(quote(part.text, safe=_KEPT))
        case Variable():
            return part
