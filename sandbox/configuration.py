"""The configuration of one run: the operator's files of dialplan/, and around them what is the sandbox's own."""

import socket
from pathlib import Path

import dialplan
from sandbox.layout import Layout, phone_password
from sandbox.tone import MUSIC_ON_HOLD_HZ, one_second

ARI_USERNAME = "router"
ARI_PASSWORD = "100%&sandbox"  # noqa: S105 - loopback only; % and & prove that the router quotes what it sends

AMI_USERNAME = "router"
AMI_SECRET = "7f0c-sandbox"  # noqa: S105 - loopback only

# Read by Asterisk's core at every start; without them it logs errors that hide the real ones.
EMPTY_FILES = (
    "acl",
    "ccss",
    "cdr",
    "cel",
    "features",
    "pjproject",
    "queuerules",
    "queues",
    "udptl",
    "websocket_client",
)


def write(run: Path, layout: Layout, *, route: str, extra_dialplan: str) -> None:
    """Make the folders of a run, and in them everything that Asterisk reads.

    `route` is the route of calls to any DID; `extra_dialplan` is appended to extensions.conf.
    """
    for folder in ("etc/agi-router", "run/asterisk", "lib/moh", "lib/sounds/custom", "spool/recording", "log", "tmp"):
        (run / folder).mkdir(parents=True)
    # Otherwise Asterisk asks a name server for its own host name, and a call stalls for 5 s when none answers.
    (run / "run" / "hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
    (run / "run" / "resolv.conf").touch()
    (run / "lib" / "moh" / "tone.ulaw").write_bytes(one_second(MUSIC_ON_HOLD_HZ) * 5)

    etc = run / "etc"
    for name in dialplan.FILES:
        (etc / "agi-router" / name).write_text(dialplan.read(name))
    for name in EMPTY_FILES:
        (etc / f"{name}.conf").touch()
    (etc / "modules.conf").write_text(Path(__file__).with_name("modules.conf").read_text())
    for name, text in {
        "asterisk": "[options]\nnocolor = yes\n",
        "logger": LOGGER,
        "indications": INDICATIONS,
        "musiconhold": "[default]\nmode = files\ndirectory = /var/lib/asterisk/moh\n",
        "rtp": "[general]\nrtpstart = 10000\nrtpend = 20000\nicesupport = no\n",
        "http": _http(layout),
        "ari": f'#include "agi-router/ari.conf"\n[{ARI_USERNAME}](+)\npassword = {ARI_PASSWORD}\n',
        "manager": _manager(layout),
        "pjsip": _pjsip(layout),
        "voicemail": VOICEMAIL,
        "extensions": _extensions(route, extra_dialplan),
    }.items():
        (etc / f"{name}.conf").write_text(text)


LOGGER = """\
[general]
dateformat = %F %T.%3q
[logfiles]
messages = notice,warning,error,verbose(3)
"""

# Ringing is one tone here and not the usual two: a phone of the tests tells the dominant one.
INDICATIONS = """\
[general]
country = us
[us]
description = United States
ringcadence = 2000,4000
ring = 440/2000,0/2000
busy = 480+620/500,0/500
congestion = 480+620/250,0/250
"""


VOICEMAIL = """\
[general]
format = wav
[default]
101 => 1234,Ada
"""


def _http(layout: Layout) -> str:
    return f"""\
#include "agi-router/http.conf"
[general](+)
bindaddr = {layout.asterisk}
bindport = {layout.ari_port}
"""


def _manager(layout: Layout) -> str:
    return f"""\
#include "agi-router/manager.conf"
[general](+)
bindaddr = {layout.asterisk}
port = {layout.ami_port}
[{AMI_USERNAME}](+)
secret = {AMI_SECRET}
"""


def _extensions(route: str, extra_dialplan: str) -> str:
    return f"""\
#include "agi-router/agi-router.conf"
#include "agi-router/agi-router-agi.conf"

[globals]
AGI_ROUTER_ROUTE = {route}

[from-carrier]
include => agi-router

[from-phones]
include => agi-router

{extra_dialplan}
"""


def _pjsip(layout: Layout) -> str:
    return "\n".join(
        (
            PJSIP_START.format(layout=layout),
            *(PHONE.format(name=name, password=phone_password(name), layout=layout) for name in layout.phones),
            TRUNK.format(name="trunk", address=f"{layout.trunk}:{layout.trunk_port}", layout=layout),
            IDENTIFY.format(name="trunk", address=layout.trunk),
            TRUNK.format(name="trunk-dead", address=f"{layout.dead_trunk}:{layout.dead_trunk_port}", layout=layout),
            TRUNK.format(name="carrier", address=layout.carrier, layout=layout),
            IDENTIFY.format(name="carrier", address=layout.carrier),
        )
    )


PJSIP_START = """\
#include "agi-router/pjsip.conf"

[global]
type = global
; A carrier's caller may be called like one of our phones: the address says who sends, before the From header.
endpoint_identifier_order = ip,username,anonymous

[udp]
type = transport
protocol = udp
bind = {layout.asterisk}:{layout.sip_port}
"""

# RTP binds the wildcard address unless it is told where.
PHONE = """\
[{name}](agi-router-phone)
context = from-phones
aors = {name}
auth = {name}
media_address = {layout.asterisk}
bind_rtp_to_media_address = yes
[{name}](agi-router-aor)
[{name}](agi-router-auth)
username = {name}
password = {password}
"""

TRUNK = """\
[{name}](agi-router-trunk)
context = from-carrier
aors = {name}
media_address = {layout.asterisk}
bind_rtp_to_media_address = yes
[{name}](agi-router-trunk-aor)
contact = sip:{address}
"""

IDENTIFY = """\
[{name}]
type = identify
endpoint = {name}
match = {address}
"""
