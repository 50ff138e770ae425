"""The Transfer key: a REFER (RFC 3515) that asks the other side to call somebody else, and what becomes of it."""

import asyncio
from http import HTTPStatus

from sandbox.patience import PATIENCE_S
from sandbox.phone.dialog import Dialog
from sandbox.phone.transactions import ServerTransaction


class Transfer:
    """A transfer that was accepted; the other side tells by NOTIFY how it goes.

    `statuses` are the SIP statuses told so far, such as 100, 180 and 200.
    """

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self._outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def receive(self, notification: ServerTransaction) -> None:
        """Take a NOTIFY: its body is the beginning of a SIP response (RFC 3420)."""
        notification.respond(notification.response(200, "OK"))
        status = int(notification.request.body.split(maxsplit=2)[1])
        self.statuses.append(status)
        if status >= HTTPStatus.OK and not self._outcome.done():
            self._outcome.set_result(status)

    async def outcome(self, timeout_s: float = PATIENCE_S) -> int:
        """The final status: 200 when the other side speaks with the target, else why not."""
        async with asyncio.timeout(timeout_s):
            return await asyncio.shield(self._outcome)


def refer_to(target: str, host: str, replaced: Dialog | None) -> str:
    """The Refer-To header: a number, and for an attended transfer the call there that is to be taken over."""
    if replaced is None:
        return f"<sip:{target}@{host}>"
    replaces = f"{replaced.call_id}%3Bto-tag%3D{replaced.remote_tag}%3Bfrom-tag%3D{replaced.local_tag}"
    return f"<sip:{target}@{host}?Replaces={replaces}>"
