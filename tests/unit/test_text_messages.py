"""What Asterisk's TextMessageReceived tells."""

from typing import Any

import pytest

from ari_app.asterisk.text_messages import TextMessages, received_text
from ari_app.domain.messages import ReceivedText, cut, readable


def event(**message: Any) -> dict[str, Any]:
    told = {"from": "<sip:ada@192.0.2.1>", "to": "pjsip:crm@192.0.2.1", "body": "hello", "variables": {}}
    endpoint = {"technology": "PJSIP", "resource": "ada", "state": "online", "channel_ids": []}
    return {"type": "TextMessageReceived", "endpoint": endpoint, "message": told | message}


def test_a_message_is_who_sent_it_to_whom_and_its_text() -> None:
    assert received_text(event()) == ReceivedText(
        endpoint="PJSIP/ada", sender="sip:ada@192.0.2.1", recipient="crm", text="hello"
    )


@pytest.mark.parametrize(
    ("claimed", "sender"),
    [
        ('"Bob <sip:bob@x>" <sip:ada@192.0.2.1>', "sip:ada@192.0.2.1"),
        ('"Bob" <sip:ada@192.0.2.1>', "sip:ada@192.0.2.1"),
        ("sip:ada@192.0.2.1", "sip:ada@192.0.2.1"),
        ("", ""),
    ],
)
def test_the_name_that_a_sender_gives_himself_is_left_out(claimed: str, sender: str) -> None:
    assert received_text(event(**{"from": claimed})).sender == sender


def test_a_text_that_asterisk_left_out_is_known_by_its_length() -> None:
    assert received_text(event(body="", variables={"Content-Length": "1400"})).lost_bytes == 1400
    assert received_text(event(body="", variables={"Content-Length": "0"})).lost_bytes == 0
    assert received_text(event(body="x", variables={"Content-Length": "1400"})).lost_bytes == 0
    assert received_text(event(body="", variables={"Content-Length": "many"})).lost_bytes == 0
    assert received_text(event(body="", variables={"Content-Length": "9" * 5000})).lost_bytes > 0
    assert received_text(event(body="", variables=None)).lost_bytes == 0


def test_one_that_cannot_be_read_or_taken_ends_nothing() -> None:
    def take(_: ReceivedText) -> None:
        raise ValueError("nobody has thought of this one")

    hearing = TextMessages(take)
    hearing.hear(event(variables=["odd"]))
    hearing.hear(event())


def test_a_message_of_no_endpoint_is_nobodys() -> None:
    without = event()
    del without["endpoint"]
    assert received_text(without).endpoint == ""


def test_the_proof_of_a_password_stays_behind() -> None:
    told = received_text(event(variables={"Authorization": 'Digest username="ada", response="0a1b"'}))
    assert "0a1b" not in repr(told)


def test_a_text_keeps_its_lines_and_loses_what_steers_a_terminal() -> None:
    assert readable("a\r\nb\rc\u2028d\x00\x1b[2J\te\ud800") == "a\nb\nc\nd[2J\te"


def test_a_cut_leaves_no_half_of_a_letter() -> None:
    assert cut("aé👩", 4) == "aé"
    assert cut("aé👩", 7) == "aé👩"
