"""What Asterisk says of a caller, as the stories get it."""

import pytest

from ari_app.asterisk.events import UNWANTED, channel_event, present_channel
from ari_app.calls.ports import (
    ChannelEntered,
    ChannelHangingUp,
    ChannelHeld,
    ChannelResumed,
    Consultation,
    KeyPressed,
    TransferRequested,
)


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


def phone(channel_id: str, name: str) -> dict[str, str]:
    return {"id": channel_id, "name": name}


def refer(**refer_to: object) -> dict[str, object]:
    return {
        "type": "ChannelTransfer",
        "refer_to": {"requested_destination": {"destination": "102"}} | refer_to,
        "referred_by": {"source_channel": phone("leg", "PJSIP/ada-1"), "connected_channel": phone("1.1", "PJSIP/in-1")},
    }


def test_a_key_is_the_one_of_its_channel() -> None:
    event = {"type": "ChannelDtmfReceived", "channel": phone("leg", "PJSIP/trunk-1"), "digit": "#", "duration_ms": 100}
    assert channel_event(event) == KeyPressed("leg", "#")


REPLACED = {"destination": "102", "protocol_id": "7f3a"}


@pytest.mark.parametrize(
    ("event", "requested"),
    [
        (refer(), TransferRequested("leg", "102")),
        (refer(requested_destination={"destination": "10\r\n2"}), TransferRequested("leg", "102")),
        (
            refer(
                requested_destination=REPLACED,
                destination_channel=phone("1.2", "PJSIP/ada-2"),
                connected_channel=phone("1.3", "PJSIP/bob-3"),
            ),
            TransferRequested("leg", "102", Consultation("1.2", "1.3", "PJSIP/bob-3")),
        ),
        (
            refer(requested_destination=REPLACED, destination_channel=phone("1.2", "PJSIP/ada-2")),
            TransferRequested("leg", "102", Consultation("1.2", None, "")),
        ),
        (refer(requested_destination=REPLACED), TransferRequested("leg", "102", Consultation(None, None, ""))),
        (refer() | {"state": "channel_answered"}, None),
    ],
    ids=["blind", "control characters", "attended", "not answered yet", "on another machine", "our own answer"],
)
def test_a_refer_says_who_is_to_be_connected_with_whom(
    event: dict[str, object], requested: TransferRequested | None
) -> None:
    assert channel_event(event) == requested


def test_a_hold_key_is_pressed_and_pressed_again() -> None:
    channel = phone("leg", "PJSIP/ada-1")
    assert channel_event({"type": "ChannelHold", "channel": channel, "musicclass": "x"}) == ChannelHeld("leg")
    assert channel_event({"type": "ChannelUnhold", "channel": channel}) == ChannelResumed("leg")


@pytest.mark.parametrize(("request_", "cause"), [({"cause": 16}, 16), ({"cause": 32, "soft": True}, 0), ({}, 0)])
def test_a_soft_hangup_request_has_no_cause_because_its_number_is_a_flag(
    request_: dict[str, object], cause: int
) -> None:
    event = {"type": "ChannelHangupRequest", "channel": {"id": "1.1"}, **request_}
    assert channel_event(event) == ChannelHangingUp("1.1", cause)


@pytest.mark.parametrize("type_", UNWANTED)
def test_no_event_that_a_story_listens_to_is_filtered_out(type_: str) -> None:
    assert channel_event({"type": type_}) is None
