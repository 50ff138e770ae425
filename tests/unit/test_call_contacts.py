"""What CRMs tell of the other side of a call, as its record, its row and its story have it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ari_app.domain import events as e
from ari_app.domain.record import CallRecord, after
from ari_app.domain.story import sentence
from ari_app.storage.codec import record_to_row, row_to_record

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NUMBER = "+14155550177"
SEVERAL = e.ContactNotFound(
    at=AT, connector="hubspot", number=NUMBER, outcome="several", candidates=[{"id": "1", "name": "Ben"}]
)
FOUND = e.ContactFound(at=AT, connector="hubspot", number=NUMBER, contact_id="1", name="Ben", company="Miller Ltd")
FAILED = e.ContactNotFound(
    at=AT, connector="odd", number=NUMBER, outcome="failed", code="api_timeout", message="no answer", remedy="look"
)


def record_of(*happened: e.CallEvent) -> CallRecord:
    record = CallRecord(call_id="1")
    for event in happened:
        record = after(record, event)
    return record


def test_the_last_word_of_each_crm_counts_and_one_that_was_found_stays() -> None:
    record = record_of(SEVERAL, FOUND, FAILED, SEVERAL)
    assert [(contact.connector, contact.state) for contact in record.contacts] == [
        ("hubspot", "found"),
        ("odd", "failed"),
    ]
    found = record.contact("hubspot")
    assert found is not None
    assert (found.contact_id, found.name, found.company) == ("1", "Ben", "Miller Ltd")
    assert record.contact("other") is None


def test_whom_somebody_has_chosen_stays_when_an_answer_comes_later() -> None:
    chosen = replace(FOUND, contact_id="2", name="Eve", source="chosen")
    late = record_of(chosen, FOUND).contact("hubspot")
    again = record_of(chosen, FOUND, replace(chosen, contact_id="3")).contact("hubspot")
    assert late is not None
    assert again is not None
    assert (late.contact_id, late.name, again.contact_id) == ("2", "Eve", "3")


def test_a_row_gives_back_what_was_known() -> None:
    record = record_of(SEVERAL, FAILED)
    row = {**record_to_row(record, AT + timedelta(seconds=1)), "linkedid": ""}
    assert row_to_record(row).contacts == record.contacts


def test_the_trace_tells_it_in_a_sentence() -> None:
    assert sentence(CallRecord(call_id="1"), FOUND) == f"hubspot: {NUMBER} is Ben of Miller Ltd"
    assert sentence(CallRecord(call_id="1"), SEVERAL) == f"hubspot: {NUMBER} belongs to several: Ben"
    assert sentence(CallRecord(call_id="1"), FAILED) == "odd can't be asked: no answer [api_timeout]. Look"
