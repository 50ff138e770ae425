"""The API guide, docs/api.md: each of its examples is carried out, from the top to the bottom, on a real Asterisk.

See `tests.guide`. Before a block that places a call all calls are over. Ada (456, 101) and Bob (77, 102) pick up at
once. So do all numbers outside but those that end in 24: they are busy. There is a queue with Ada in it, and a link to
AMI.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from sandbox import Layout, Phone
from sandbox.router import Config
from tests.guide import Comparison, carried_out, examples
from tests.system.click_to_dial.clicking import BOB, clickable, provider
from tests.system.rig import ADA, Rig, running
from tests.system.web.rest import program, with_web

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUIDE: Final = Path(__file__).parents[3] / "docs" / "api.md"
BUSY: Final = "24"
PLACES_A_CALL: Final = re.compile(r"/calls(\?[^\"]*)?\" .*--json", re.DOTALL)


def guide(config: Config) -> None:
    clickable(config)
    config["directory"]["queues"] = [{"id": "support", "name": "support-queue"}]


def with_queue(etc: Path, _: Layout) -> None:
    (etc / "queues.conf").write_text("[support-queue]\nmember => PJSIP/ada,0,Ada\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Rig]:
    async with running(with_web(guide), configure=with_queue, ami=True) as rig:
        await rig.router.until(lambda status: status["ami_connected"] and status["queue_members"] == 1)
        yield rig


@asynccontextmanager
async def everybody_answers(rig: Rig) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(phone) for phone in (rig.user("ada"), rig.user("bob"), provider(rig))]
        answering = [asyncio.create_task(_answers(phone)) for phone in phones]
        try:
            yield
        finally:
            for task in answering:
                task.cancel()
            await asyncio.gather(*answering, return_exceptions=True)


async def _answers(phone: Phone) -> None:
    while True:
        try:
            call = await phone.next_call()
        except TimeoutError:
            continue
        await (call.reject(486) if call.called_number.endswith(BUSY) else call.answer())


async def test_every_example_of_the_guide_is_answered_as_printed(rig: Rig) -> None:
    told = Comparison()
    async with program(rig, "crm") as crm, everybody_answers(rig):
        for example in examples(GUIDE.read_text(encoding="utf-8")):
            if PLACES_A_CALL.search(example.command):
                await rig.router.until(lambda status: status["live_calls"] == 0)
                for user in (ADA, BOB):  # whose phones Asterisk may still tell to be in that call
                    await rig.can_be_called(user)
            came = await carried_out(told.actual(example.command), crm.url, crm.key)
            try:
                told.compare(example.kind, example.answer, came)
            except (AssertionError, ValueError) as error:
                pytest.fail(f"{GUIDE.name}:{example.line}: {error}\n{came}")
        await rig.router.until(lambda status: status["live_calls"] == 0)
