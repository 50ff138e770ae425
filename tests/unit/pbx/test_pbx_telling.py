"""What is told of a call of the PBX is what its record has and the former one had not."""

from dataclasses import replace

from ari_app.domain.pbx_record import PbxRecord
from ari_app.domain.pbx_telling import told_of_pbx
from ari_app.domain.record import CallRecord
from tests.unit.pbx.told import at

BEGUN = PbxRecord(record=CallRecord(call_id="pbx-1", started_at=at(0)), parts=(), channels=frozenset())
TALKING = replace(BEGUN, record=replace(BEGUN.record, answered_at=at(3), agent="456", answered_by="PJSIP/ada"))
OVER = replace(TALKING, record=replace(TALKING.record, ended_at=at(9)))


def told(before: PbxRecord | None, now: PbxRecord, *, filled: bool = False) -> list[str]:
    return [said.type.value for _, said in told_of_pbx(before, now, filled=filled)]


def test_each_thing_is_told_once_as_it_becomes_known() -> None:
    assert told(None, BEGUN) == ["call.started"]
    assert told(BEGUN, BEGUN) == []
    assert told(BEGUN, TALKING) == ["call.answered"]
    assert told(TALKING, OVER) == ["call.ended"]
    assert told(None, OVER) == ["call.started", "call.answered", "call.ended"]


def test_of_a_call_that_is_known_to_be_over_nothing_more_is_told() -> None:
    assert told(OVER, replace(OVER, record=replace(OVER.record, ended_at=at(10)))) == []


def test_of_a_call_read_from_a_table_only_its_end_is_told() -> None:
    assert told(None, OVER, filled=True) == ["call.ended"]
    assert told(BEGUN, OVER, filled=True) == ["call.ended"]


def test_who_answered_is_told_with_the_answer() -> None:
    [(moment, said)] = told_of_pbx(BEGUN, TALKING, filled=False)
    assert (moment, dict(said.data)) == (at(3), {"user": "456", "endpoint": "PJSIP/ada"})
