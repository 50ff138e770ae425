"""Numbers of old calls are hidden wherever they stand; ids, extensions and our own numbers stay."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ari_app.domain import events as e
from ari_app.domain.masking import mask_event, mask_number, mask_record, mask_text
from ari_app.domain.record import CallRecord, Direction, LegRecord, fold
from ari_app.storage.codec import restore, store

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+14155550177", "+1415555****"),
        ("0301234", "030****"),
        ("12345", "1****"),
        ("1001", "1001"),
        ("", ""),
        ("anonymous", "anonymous"),
        ("+1415555****", "+1415555****"),
    ],
)
def test_a_number_loses_its_last_digits_and_an_extension_none(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@given(st.text())
@example("sip:+14155550177@192.0.2.1")
@example("12345678901234567890")
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    assert mask_text(mask_text(text)) == mask_text(text)
    assert mask_number(mask_number(text)) == mask_number(text)


def test_numbers_in_contacts_urls_and_bodies_are_hidden_and_ids_are_not() -> None:
    sent = e.RequestSent(
        at=START,
        method="POST",
        url="https://api.example.com/v1?caller=%2B14155550177",
        headers={"X-Caller": "+14155550177"},
        body='{"caller": {"number": "0049 30 1234567", "raw": "14155550177"}}',
    )
    masked = mask_event("RequestSent", store(sent).data)
    assert "14155550177" not in str(masked)
    assert "1234567" not in str(masked)
    arrived = e.CallArrived(
        at=START,
        route="sales",
        called_number="+14155550100",
        caller_number="+14155550177",
        caller_name="Grace",
        caller_withheld=False,
        channel_id="1772357400.1",
    )
    assert mask_event("CallArrived", store(arrived).data) == {
        **store(arrived).data,
        "caller_number": "+1415555****",
    }


RECORD = CallRecord(
    call_id="20261121T012233-9f3a2c1b77aa",
    caller_number="+14155550177",
    called_number="+14155550100",
    destination="+14155550123",
    answered_by="PJSIP/trunk",
    channel_id="1772357400.1",
    legs=(LegRecord(leg="leg-1", endpoint="PJSIP/trunk", contact="sip:+14155550123@127.0.0.1", dialled_at=START),),
)


def test_the_record_of_a_caller_keeps_the_number_that_he_called() -> None:
    masked = mask_record(RECORD)
    assert (masked.caller_number, masked.called_number) == ("+1415555****", "+14155550100")
    assert (masked.destination, masked.legs[0].contact) == ("+1415555****", "sip:+1415555****@127.0.0.1")
    assert (masked.call_id, masked.channel_id) == (RECORD.call_id, RECORD.channel_id)


def test_of_a_call_that_was_asked_for_the_customer_is_hidden_and_our_number_is_not() -> None:
    requested = e.CallRequested(
        at=START, first="agent", user="ada", user_name="Ada", number="+14155550177", caller_id="+14155550100"
    )
    record = fold("call-1", [requested])
    assert record.direction is Direction.OUTBOUND
    masked = mask_record(record)
    assert (masked.called_number, masked.caller_number) == ("+1415555****", "+14155550100")


@given(st.one_of(*(st.builds(kind, at=st.just(START)) for kind in get_args(e.CallEvent))))
def test_masked_events_tell_the_masked_record(event: e.CallEvent) -> None:
    stored = store(event)
    again = restore(stored.at, stored.type, mask_event(stored.type, stored.data))
    assert again.event is not None
    assert stored.event is not None
    of_events, of_row = fold("call-1", [again.event]), mask_record(fold("call-1", [stored.event]))
    assert of_events.caller_number == of_row.caller_number
    assert of_events.called_number == of_row.called_number
    assert of_events.legs == of_row.legs
    assert (of_events.caller_name, of_events.contacts) == (of_row.caller_name, of_row.contacts)
