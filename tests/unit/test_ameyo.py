"""Which of Ameyo's answers a call gets that was refused, or came to an end."""

import json

import pytest

from agi_router.routing.errors import Failure
from ari_app.calls.clock import now
from ari_app.domain.record import CallRecord, Direction, Disposition
from ari_app.web.faces.ameyo.answers import became, refused
from tests.clients.ameyo_outcomes import (
    AgentDidNotAnswer,
    AgentNotAvailable,
    AgentNotInCampaign,
    Connected,
    CustomerDidNotAnswer,
    MediaError,
    OtherRefusal,
    outcome,
)

PHONE = "12025550123"
UP = "channel"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("agent_paused", AgentNotInCampaign),
        ("campaign_unknown", AgentNotInCampaign),
        ("campaign_inbound", AgentNotInCampaign),
        *((code, AgentNotAvailable) for code in ("agent_not_registered", "agent_not_logged_in", "agent_in_call")),
        *((code, AgentNotAvailable) for code in ("agent_dnd", "agent_wrap_up", "agents_not_free", "user_no_devices")),
        *((code, OtherRefusal) for code in ("user_unknown", "policy_region", "overload", "asterisk_unreachable")),
    ],
)
def test_a_refusal_is_in_the_words_of_the_page_where_it_has_some(code: str, kind: type) -> None:
    told = outcome(refused(Failure(code, "what", "do that"), "12").model_dump_json())
    assert isinstance(told, kind)
    if isinstance(told, AgentNotInCampaign):
        assert told.campaign_id == "12"
    if isinstance(told, OtherRefusal):
        assert (told.reason, told.details) == ("what", "what; do that")


@pytest.mark.parametrize(
    ("first", "channel", "disposition", "reason", "told_as"),
    [
        ("agent", "", Disposition.AGENT_UNREACHED, "no_answer", (AgentDidNotAnswer, "")),
        ("agent", "", Disposition.AGENT_UNREACHED, "declined", (AgentDidNotAnswer, "")),
        ("agent", "", Disposition.ABANDONED, "", (AgentDidNotAnswer, "")),
        ("agent", UP, Disposition.CUSTOMER_UNREACHED, "no_answer", (CustomerDidNotAnswer, "")),
        ("agent", UP, Disposition.ABANDONED, "", (CustomerDidNotAnswer, "")),
        ("agent", UP, Disposition.IN_PROGRESS, "", (CustomerDidNotAnswer, "")),
        ("agent", UP, Disposition.CUSTOMER_UNREACHED, "busy", (MediaError, "User busy")),
        ("agent", UP, Disposition.CUSTOMER_UNREACHED, "declined", (MediaError, "Call rejected")),
        ("agent", UP, Disposition.CUSTOMER_UNREACHED, "unavailable", (MediaError, "Requested channel not available")),
        ("agent", UP, Disposition.FAILED, "", (MediaError, "Requested channel not available")),
        ("agent", UP, Disposition.INTERRUPTED, "", (MediaError, "Requested channel not available")),
        ("customer", "", Disposition.CUSTOMER_UNREACHED, "no_answer", (CustomerDidNotAnswer, "")),
        ("customer", "", Disposition.CUSTOMER_UNREACHED, "failed", (MediaError, "Requested channel not available")),
        ("customer", UP, Disposition.AGENT_UNREACHED, "no_answer", (AgentDidNotAnswer, "")),
        ("customer", UP, Disposition.ABANDONED, "", (AgentDidNotAnswer, "")),
        ("agent", UP, Disposition.TO_VOICEMAIL, "", (Connected, "")),
        ("agent", UP, Disposition.TO_DIALPLAN, "", (Connected, "")),
    ],
)
def test_an_outcome_is_the_closest_that_the_page_prints(
    first: str, channel: str, disposition: Disposition, reason: str, told_as: tuple[type, str]
) -> None:
    record = CallRecord(
        call_id="20261121T114416-b09fa47b187a",
        direction=Direction.OUTBOUND,
        first=first,
        channel_id=channel,
        disposition=disposition,
        reason=reason,
        campaign="12",
    )
    kind, more = told_as
    told = outcome(became(record, PHONE).model_dump_json())
    assert isinstance(told, kind)
    assert isinstance(told, AgentDidNotAnswer | CustomerDidNotAnswer | MediaError | Connected)
    assert (told.flow.flow_id, told.flow.metadata_id) == ("12", record.call_id)
    if isinstance(told, MediaError):
        assert (told.phone, told.cause) == (PHONE, more)
    if isinstance(told, CustomerDidNotAnswer):
        assert told.phone == PHONE


def test_a_call_in_which_both_speak_is_a_success_while_it_goes_on_and_after() -> None:
    for disposition in (Disposition.IN_PROGRESS, Disposition.ANSWERED):
        record = CallRecord(call_id="a", answered_at=now(), disposition=disposition, campaign="12")
        assert isinstance(outcome(became(record, PHONE).model_dump_json()), Connected)


def test_a_campaigns_id_does_not_break_the_text_of_a_reason() -> None:
    record = CallRecord(call_id="a", answered_at=now(), campaign="a, b={c}")
    told = outcome(json.dumps(became(record, PHONE).model_dump()))
    assert isinstance(told, Connected)
    assert told.flow.flow_id == "a__b__c_"
