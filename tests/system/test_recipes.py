"""A call by each recipe: the phone rings of the user whom the answer on the recipe's page names."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from tests.component.test_recipes import CALLED, CALLER, LEADS_TO, PAGES, at_loopback
from tests.fakes.documented_api import Page, documented_api
from tests.system.rig import Rig, running

# One Asterisk and one router serve all recipes, which are loaded one after the other.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig() -> AsyncIterator[Rig]:
    with pytest.MonkeyPatch.context() as environment:
        for name in LEADS_TO:
            for variable, value in Page.read(PAGES / f"{name}.md").environment.items():
                environment.setitem(os.environ, variable, value)
        async with running() as rig:
            yield rig


async def load(rig: Rig, name: str, port: int) -> None:
    """Have the router take this recipe as it is, but for its Asterisk, its database, the vendor's address and time."""
    recipe = yaml.safe_load(at_loopback(name, port))
    for each in recipe["routes"].values():
        each["request"]["deadline_s"] = 10  # the vendor is a part of this process, which may have much to do
    rig.router.config = recipe | {key: rig.router.config[key] for key in ("asterisk", "storage")}
    assert (await rig.router.reload())["taken"]
    await rig.asterisk.cli(f"dialplan set global AGI_ROUTER_ROUTE {name}")


@pytest.mark.parametrize("name", LEADS_TO)
async def test_the_phone_rings_that_the_answer_names(rig: Rig, name: str) -> None:
    page = Page.read(PAGES / f"{name}.md")
    async with documented_api(page, any_call=True) as api, rig.user("ada") as ada:
        await load(rig, name, api.port)
        call = await rig.carrier.call(CALLED, caller=CALLER)
        ringing = await ada.next_call()
        assert ringing.caller_number == CALLER
        await ringing.reject(486)
        assert await call.final_status() == 480
        await rig.idle()
    assert api.mismatches == []
    assert api.asked == [f"{exchange.method} {exchange.path}" for exchange in page.exchanges]
    record = (await rig.router.records())[-1]
    assert (record.route, record.error_code) == (name, "")
    assert [(leg.endpoint, leg.outcome) for leg in record.legs] == [("PJSIP/ada", "busy")]
