"""The files and AstDB keys that FreePBX makes of what is configured."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from sandbox.freepbx import dialplan
from sandbox.freepbx.pages import Pages, Queue
from sandbox.layout import Layout, phone_password

Cli = Callable[[str], Awaitable[str]]


class FreePbx(Pages):
    """One FreePBX. Callers come from `layout.carrier` by the trunk `provider`."""

    def write(self, etc: Path, layout: Layout) -> None:
        """Replace what stands in `etc` by FreePBX's files."""
        (etc / "modules.conf").write_text((etc / "modules.conf").read_text() + MODULES)
        for name, text in {
            "extensions": dialplan.EXTENSIONS,
            "extensions_override_freepbx": "",
            "extensions_additional": dialplan.additional(self),
            "extensions_custom": self.custom,
            "globals_custom": "",
            "pjsip": PJSIP,
            "pjsip.transports": TRANSPORT.format(layout=layout),
            "pjsip.endpoint": "".join(ENDPOINT.format(extension=it, layout=layout) for it in self.extensions)
            + TRUNK_ENDPOINT.format(layout=layout),
            "pjsip.aor": "".join(AOR.format(extension=it) for it in self.extensions) + TRUNK_AOR.format(layout=layout),
            "pjsip.auth": "".join(
                AUTH.format(extension=it, password=phone_password(it.number)) for it in self.extensions
            ),
            "pjsip.identify": IDENTIFY.format(layout=layout),
            "queues": "#include queues_general_additional.conf\n#include queues_additional.conf\n",
            "queues_general_additional": "[general]\npersistentmembers = yes\n",
            "queues_additional": "\n".join(_queue(queue) for queue in self.queues),
            "res_parking": "#include res_parking_additional.conf\n",
            "res_parking_additional": PARKING,
            "features": FEATURES,
            "voicemail": "[general]\nformat = wav\n[default]\n"
            + "".join(f"{it.number} => 1234,{it.name}\n" for it in self.extensions),
        }.items():
            (etc / f"{name}.conf").write_text(text)

    async def fill_astdb(self, cli: Cli) -> None:
        """Put what FreePBX keeps in Asterisk's own database; `cli` runs a command of Asterisk's."""
        for family, key, value in self._astdb():
            await cli(f'database put {family} {key} "{value}"')

    def _astdb(self) -> Iterator[tuple[str, str, str]]:
        for it in self.extensions:
            yield f"AMPUSER/{it.number}", "cidname", it.name
            yield f"AMPUSER/{it.number}", "device", it.number
            yield f"AMPUSER/{it.number}", "voicemail", "default"
            yield f"DEVICE/{it.number}", "dial", f"PJSIP/{it.number}"
            yield f"DEVICE/{it.number}", "user", it.number
            if it.follow_me:
                yield f"AMPUSER/{it.number}/followme", "ddial", "DIRECT"
                yield f"AMPUSER/{it.number}/followme", "grplist", "-".join(it.follow_me)


def _queue(queue: Queue) -> str:
    members = "".join(f"member => Local/{it}@from-queue/n,0,{it},hint:{it}@ext-local\n" for it in queue.members)
    return f"[{queue.number}]\nstrategy = ringall\ntimeout = 15\njoinempty = yes\n{members}"


# FreePBX loads all there is; the sandbox loads what its dialplan calls.
MODULES = """
load = app_mixmonitor.so
load = func_cdr.so
load = func_env.so
load = func_extstate.so
load = res_parking.so
"""

PJSIP = """\
#include pjsip.transports.conf
#include pjsip.endpoint.conf
#include pjsip.aor.conf
#include pjsip.auth.conf
#include pjsip.identify.conf
[global]
type = global
endpoint_identifier_order = ip,username,anonymous
"""

TRANSPORT = """\
[127.0.0.1-udp]
type = transport
protocol = udp
bind = {layout.asterisk}:{layout.sip_port}
"""

ENDPOINT = """\
[{extension.number}]
type = endpoint
aors = {extension.number}
auth = {extension.number}-auth
disallow = all
allow = ulaw,alaw
context = from-internal
callerid = {extension.name} <{extension.number}>
dtmf_mode = rfc4733
direct_media = yes
mailboxes = {extension.number}@default
send_connected_line = yes
trust_id_inbound = yes
rtp_symmetric = yes
rewrite_contact = yes
force_rport = yes
media_address = {layout.asterisk}
bind_rtp_to_media_address = yes
one_touch_recording = on
record_on_feature = apprecord
record_off_feature = apprecord
"""

AOR = """\
[{extension.number}]
type = aor
max_contacts = 3
remove_existing = no
"""

AUTH = """\
[{extension.number}-auth]
type = auth
auth_type = userpass
username = {extension.number}
password = {password}
"""

TRUNK_ENDPOINT = """\
[provider]
type = endpoint
context = from-pstn
disallow = all
allow = ulaw,alaw
aors = provider
send_connected_line = no
direct_media = no
trust_id_inbound = yes
send_pai = yes
rtp_symmetric = yes
rewrite_contact = yes
media_address = {layout.asterisk}
bind_rtp_to_media_address = yes
"""

TRUNK_AOR = """\
[provider]
type = aor
contact = sip:{layout.trunk}:{layout.trunk_port}
"""

IDENTIFY = """\
[provider]
type = identify
endpoint = provider
match = {layout.carrier}
match = {layout.trunk}
"""

# A phone of the tests may stand still between two keys, on a machine that is busy.
FEATURES = """\
[general]
featuredigittimeout = 5000
transferdigittimeout = 10
[featuremap]
blindxfer = ##
atxfer = *2
disconnect = **
[applicationmap]
"""

PARKING = """\
[general]
[default]
parkext = 70
parkpos = 71-78
context = parkedcalls
parkingtime = 45
comebacktoorigin = no
findslot = first
"""
