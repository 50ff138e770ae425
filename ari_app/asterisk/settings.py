"""The section `asterisk.ari`."""

from dataclasses import dataclass, field


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
