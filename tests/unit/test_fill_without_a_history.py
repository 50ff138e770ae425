"""`agi-router history fill` where no call of the PBX is on record."""

import pytest

from ari_app.app.commands import nothing_to_fill
from ari_app.control.settings import ControlError


async def test_a_router_that_does_not_listen_to_the_pbx_says_what_is_to_be_configured() -> None:
    with pytest.raises(ControlError) as refused:
        await nothing_to_fill({})
    assert "not on record" in str(refused.value)
    assert "asterisk.ami" in refused.value.remedy
