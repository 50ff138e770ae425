"""What documents may name is what hooks are run with: no name without a value, no value without a name."""

from datetime import UTC, datetime

import pytest

from ari_app.crm.call_values import CallFacts, Person, call_values, end_values, recording_values, talk_values
from ari_app.crm.document.variables import FILE, FILE_BASE64, OF_A_CALL, taken
from ari_app.crm.finding import number_values
from ari_app.domain.crm import HookName
from ari_app.domain.record import CallRecord
from ari_app.domain.recordings import RecordingKind, RecordingState, StoredRecording

AT = datetime(2026, 1, 1, 9, tzinfo=UTC)
FACTS = CallFacts(connector="crm", reference="1", record=CallRecord(call_id="1"), user=Person(), region="US")
RECORDING = StoredRecording(
    id="r", call_id="1", kind=next(iter(RecordingKind)), state=next(iter(RecordingState)), started_at=AT
)
CALL = {*call_values(FACTS, AT)}
TALK = {*talk_values(FACTS, "talking")}
END = {*end_values(FACTS)}
FILES = {*recording_values(FACTS, RECORDING, "r.wav", "")}


def test_every_hook_of_a_call_knows_the_call() -> None:
    assert set(OF_A_CALL) == CALL


@pytest.mark.parametrize(
    ("hook", "given"),
    [
        (HookName.CREATE_ACTIVITY, CALL),
        (HookName.FIND_ACTIVITY, CALL),
        (HookName.ASSIGN_ACTIVITY, CALL | {"activity_id"}),
        (HookName.UPDATE_ACTIVITY, CALL | TALK | END | {"activity_id", "recording_url"}),
        (HookName.STOP_CALL_ACTIVITY, CALL | TALK | END | {"activity_id", "recording_url"}),
        (HookName.UPDATE_CALL_RECORDING, CALL | END | FILES | {"activity_id"}),
        (HookName.FIND_CONTACT, CALL | {*number_values("+14155550177", "+14155550177")}),
    ],
)
def test_a_hook_takes_what_it_is_run_with(hook: HookName, given: set[str]) -> None:
    assert set(taken(hook)) - {FILE, FILE_BASE64} == given
