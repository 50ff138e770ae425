"""The sections `asterisk.ari` and `asterisk.ami`."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AriSettings:
    """How to reach Asterisk's REST interface; see dialplan/ari.conf and http.conf for the other side.

    `request_timeout_s` bounds each request, `heartbeat_s` is the websocket's ping interval: a silent peer is noticed
    after one and a half of it. `request_sockets` is how many websockets take requests; 0 sends all over HTTP.
    """

    url: str
    username: str
    password: str = field(repr=False)
    app: str = "agi-router"
    request_timeout_s: float = 5.0
    heartbeat_s: float = 10.0
    request_sockets: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiSettings:
    """How to reach Asterisk's manager interface; see dialplan/manager.conf for the other side.

    With `tls` its certificate is verified, by the authorities of `ca_file` (None: of the system); without, `host` is
    this machine. `request_timeout_s` bounds each answer. A silent peer is noticed within `ping_s` and that.
    """

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    tls: bool = False
    ca_file: Path | None = None
    ping_s: float = 10.0
    request_timeout_s: float = 5.0
