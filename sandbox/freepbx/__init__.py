"""An Asterisk laid out as FreePBX 17 lays it out: its files, contexts, variables and AstDB keys, in words of our own.

    pbx = FreePbx(
        extensions=[Extension("101", "Ada")], inbound_routes=[InboundRoute("+14155550100", "ext-local,101,1")]
    )
    async with Asterisk(configure=pbx.write) as asterisk:
        await pbx.fill_astdb(asterisk.cli)

What the names mean is known from FreePBX's own modules (core, queues, ringgroups, findmefollow, donotdisturb, parking,
callrecording, customappsreg). Only what a caller of an inbound route can meet is here, and each piece is shorter.
"""

from sandbox.freepbx.pages import CustomDestination, Extension, InboundRoute, Queue, RingGroup
from sandbox.freepbx.system import FreePbx

__all__ = ["CustomDestination", "Extension", "FreePbx", "InboundRoute", "Queue", "RingGroup"]
