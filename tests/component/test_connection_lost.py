"""The connection to Asterisk is lost, and comes back."""

import asyncio

from ari_app.asterisk.connection import AriConnection
from ari_app.asterisk.telephony import AriTelephony
from ari_app.asterisk.text_messages import TextMessages
from ari_app.calls.ports import UnreachableError
from tests.fakes.ari import Ari
from tests.patience import PATIENCE_S

APP = "agi-router"


async def test_a_loss_while_it_reconciles_ends_that_even_where_a_request_fails_instead_of_being_cancelled() -> None:
    telephony, reconciled = AriTelephony(APP), asyncio.Event()
    asked_by_the_old_one: list[bool] = []

    async def reconcile() -> None:
        if ari.apps.count(APP) > 1:
            reconciled.set()
            return
        try:
            await ari.drop(APP)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if asked_by_the_old_one:
                raise  # the end of a test that fails
            asked_by_the_old_one.append(telephony.is_connected)
            # As asyncio.gather() does, when one of its requests has failed in this very moment.
            raise UnreachableError("the connection was lost") from None

    async def release() -> None:
        pass

    async with Ari() as ari:
        connection = AriConnection(
            ari.settings(request_sockets=0),
            telephony,
            lambda _: None,
            reconcile,
            release,
            device_changed=lambda *_: None,
            messages=TextMessages(None),
        )
        running = asyncio.create_task(connection.run())
        async with asyncio.timeout(PATIENCE_S):
            await reconciled.wait()
        assert telephony.is_connected
        assert asked_by_the_old_one == [False]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert not telephony.is_connected
