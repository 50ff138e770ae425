"""What Asterisk says of a caller, as the stories get it."""

import pytest

from ari_app.asterisk.events import channel_event, present_channel
from ari_app.calls.ports import ChannelEntered


@pytest.mark.parametrize(
    ("number", "name", "seen"),
    [
        ("+14155550177", "Grace Hopper", ("+14155550177", "Grace Hopper")),
        ("", "", ("", "")),
        ("alice.smith", "Zoë 王", ("alice.smith", "Zoë 王")),
        ("101", r"Robert \"Bob\" Smith", ("101", 'Robert "Bob" Smith')),
        ("101", r"back\\slash and a\b", ("101", r"back\slash and a\b")),
        ("+1415\r\nX-Evil: 1", "A\tB\x1b[2J\x00\u2028", ("+1415X-Evil: 1", "AB[2J")),
    ],
)
def test_a_caller_has_a_number_and_a_name_that_fit_on_a_line(number: str, name: str, seen: tuple[str, str]) -> None:
    channel = {
        "id": "1.1",
        "name": "PJSIP/carrier-1",
        "state": "Ring",
        "caller": {"number": number, "name": name},
        "dialplan": {"app_name": "Stasis", "app_data": "agi-router,sales,+14155550100"},
    }
    entered = channel_event({"type": "StasisStart", "args": ["sales", "+14155550100"], "channel": channel})
    assert isinstance(entered, ChannelEntered)
    present = present_channel(channel)
    assert (entered.caller_number, entered.caller_name) == (present.caller_number, present.caller_name) == seen
