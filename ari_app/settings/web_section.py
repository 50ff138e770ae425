"""The section `web`: where the REST API listens, and for whose pages. Without it there is none."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from agi_router.document import ConfigError, Document, Problem, Section
from agi_router.settings.policy_section import Limit
from ari_app.access.doorkeeper import DoorRules
from ari_app.access.forwarding import ProxyHeader
from ari_app.access.networks import Network, network
from ari_app.settings.faces_section import FacesSection, FacesSettings
from ari_app.settings.web_tls import TlsFiles, TlsFilesError, tls_context

DEFAULT_PORT: Final = 8090
"""8080 and 8088 are taken on many PBXs: by their web pages, and by ARI."""

DEFAULT_CONNECTIONS: Final = 500

_PLAIN_URL: Final = re.compile(r"[!-~]+")
_LISTEN: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket: an IP address of this host and a port; with `tls` it speaks HTTPS only."""

    host: str
    port: int
    tls: TlsFiles | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Section `web`.

    Browsers let the pages of these `origins` call the API. At most `max_connections` are open at a time.
    `open_metrics`: programs on this host read the metrics without a key. `public_url` is where people's browsers reach
    it, without a slash at its end.
    """

    listen: tuple[Listener, ...]
    door: DoorRules = field(default_factory=DoorRules)
    origins: tuple[str, ...] = ()
    max_connections: int = DEFAULT_CONNECTIONS
    open_metrics: bool = False
    faces: FacesSettings = field(default_factory=FacesSettings)
    public_url: str = f"http://127.0.0.1:{DEFAULT_PORT}"


def _listener(given: str) -> Listener:
    """Raises ValueError."""
    listen = _LISTEN.fullmatch(given)
    if listen is not None:
        with suppress(ValueError):
            host, port = str(ip_address(listen["six"] or listen["four"])), int(listen["port"] or DEFAULT_PORT)
            if 0 < port < 65536:
                return Listener(host, port)
    raise ValueError(f'is no IP address with a port; write it as "127.0.0.1:{DEFAULT_PORT}", or "[::1]:{DEFAULT_PORT}"')


def _address(given: str) -> str:
    _listener(given)
    return given


def _proxy(given: Any) -> Network:
    named = network(given if isinstance(given, str) else "")
    if not named.prefixlen:
        raise ValueError(f"{named} is everybody, who could then claim any address; name the proxies themselves")
    return named


def _origin(given: str) -> str:
    """As browsers send it: RFC 6454, section 6."""
    if given == "*":
        raise ValueError("would let every page on the web call the API; name the origins of your own pages")
    try:
        url = urlsplit(given)
        is_origin = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_origin = False
    if not is_origin or given != f"{url.scheme}://{url.netloc}".lower() or "@" in url.netloc:
        raise ValueError(
            'is no origin; write it as the browser sends it, in lower case and without a path: "https://crm.example.com"'
        )
    default = {"http": 80, "https": 443}[url.scheme]
    return given.removesuffix(f":{default}") if url.port == default else given


def _public_url(given: str) -> str:
    try:
        url = urlsplit(given)
        is_base = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_base = False
    if not is_base or "@" in url.netloc or "?" in given or "#" in given or not _PLAIN_URL.fullmatch(given):
        raise ValueError('is no address for a browser; write it as "https://pbx.example.com"')
    return given.rstrip("/")


class TlsSection(Section):
    """`web.listen[].tls`."""

    certificate_file: str = Field(min_length=1)
    key_file: str = Field(min_length=1)


class ListenSection(Section):
    """`127.0.0.1:8090`, or `{address: "192.0.2.1:8443", tls: {certificate_file: …, key_file: …}}`."""

    address: Annotated[str, AfterValidator(_address)]
    tls: TlsSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_address(cls, given: Any) -> Any:
        return {"address": given} if isinstance(given, str) else given


class CorsSection(Section):
    """`web.cors`."""

    origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = Field(min_length=1, max_length=100)


class WebSection(Section):
    """`web`."""

    listen: tuple[ListenSection, ...] = Field(
        default=(ListenSection(address=f"127.0.0.1:{DEFAULT_PORT}"),), min_length=1
    )
    public_url: Annotated[str, AfterValidator(_public_url)] | None = None
    cors: CorsSection | None = None
    max_connections: int = Field(default=DEFAULT_CONNECTIONS, ge=10, le=10_000)
    metrics: Literal["key", "open"] = "key"
    trusted_proxies: tuple[Annotated[Network, PlainValidator(_proxy)], ...] = ()
    proxy_header: Annotated[ProxyHeader, Field(strict=False)] = ProxyHeader.X_FORWARDED_FOR
    requests_per_minute: Limit = 600
    wrong_keys_per_minute: int = Field(default=10, ge=1, le=1000)
    faces: FacesSection = Field(default_factory=FacesSection)

    @property
    def door(self) -> DoorRules:
        """Whom the door believes, and how much it lets through."""
        return DoorRules(
            proxies=self.trusted_proxies,
            proxy_header=self.proxy_header,
            requests_per_minute=self.requests_per_minute,
            wrong_keys_per_minute=self.wrong_keys_per_minute,
        )


def web_settings(document: Document, section: WebSection) -> WebSettings:
    """What the section means. Raises ConfigError for a certificate that can't be used, and an address named twice."""
    listen: list[Listener] = []
    problems: list[Problem] = []
    for index, each in enumerate(section.listen):
        at = ("web", "listen", index)
        bare = _listener(each.address)
        if any((bare.host, bare.port) == (other.host, other.port) for other in listen):
            problems.append(document.problem(at, f"{bare} is named before; take one of the two away"))
        if each.tls is None:
            listen.append(bare)
            continue
        files = TlsFiles(
            (document.directory / each.tls.certificate_file).absolute(),
            (document.directory / each.tls.key_file).absolute(),
        )
        listen.append(Listener(bare.host, bare.port, files))
        try:
            tls_context(files)
        except TlsFilesError as error:
            name = "key_file" if error.file == files.key else "certificate_file"
            problems.append(document.problem((*at, "tls", name), str(error)))
    if problems:
        raise ConfigError(problems)
    return WebSettings(
        listen=tuple(listen),
        door=section.door,
        origins=() if section.cors is None else tuple(dict.fromkeys(section.cors.origins)),
        max_connections=section.max_connections,
        open_metrics=section.metrics == "open",
        faces=section.faces.settings(),
        public_url=section.public_url or _own_url(listen[0]),
    )


def _own_url(listener: Listener) -> str:
    return f"{'http' if listener.tls is None else 'https'}://{listener}"


def web_warnings(web: WebSettings) -> Iterator[str]:
    """What is allowed and hardly meant, as sentences of the form "KEY: what; what to do"."""
    for listener in web.listen:
        if listener.tls is None and not ip_address(listener.host).is_loopback:
            yield (
                f"web.listen: on {listener} API keys and numbers cross the network in the clear; give it tls, or "
                "listen on 127.0.0.1 behind a proxy that speaks HTTPS"
            )
