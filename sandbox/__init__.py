"""A private Asterisk 22 and phones for it: what tests, demo and bench stand on.

    async with Asterisk(numbered_phones=3) as asterisk:           # up in 0.2 s; the first time on a machine, 20 s
        asterisk.ari_url, asterisk.ari_username, asterisk.ari_password
        asterisk.layout.trunk, asterisk.layout.trunk_port         # where endpoint `trunk` sends its calls
        print(await asterisk.cli("core show channels"))
        await asterisk.restart()

Endpoints: phones ada, ada-desk, ada-mobile, bob, carol, phone001 ... that register from anywhere;
`carrier`, which is whoever calls from `layout.carrier`; `trunk`, whose calls go to `layout.trunk`; `trunk-dead`, where
nobody is. Every number dialled by a carrier or a phone goes to the dialplan that operators include.

    async with (
        Phone.carrier(asterisk.layout, tone_hz=500) as caller,
        Phone.user(asterisk.layout, "ada", tone_hz=1000) as ada,  # registered
    ):
        call = await caller.call("+14155550100", caller="+14155550177")
        ringing = await ada.next_call()
        ringing.headers["From"], ringing.caller_number
        await ringing.ring()
        await call.progressed(180)
        await ringing.answer()                                    # or reject(486), redirect("sip:..."), cancelled()
        await call.answered()                                     # or final_status(), cancel()
        assert await call.hears(1000)
        await call.hang_up()
        await ringing.ended()                                     # Ending(how="bye", reason="Q.850;cause=16")

A phone that leaves its `async with` ends its calls and unregisters.

Run `python -m sandbox` to build the tree beforehand.
"""

from sandbox.api import Answer, Api, ReceivedRequest
from sandbox.asterisk import Asterisk
from sandbox.errors import SandboxError
from sandbox.layout import Layout
from sandbox.phone import Phone
from sandbox.sipp import Sipp, SippResult

__all__ = ["Answer", "Api", "Asterisk", "Layout", "Phone", "ReceivedRequest", "SandboxError", "Sipp", "SippResult"]
