"""What Asterisk writes is read, whatever it is: a name may hold anything, and a table anything at all."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.domain.pbx_events import LONGEST_TEXT, ChannelKind, QueueKind
from ari_app.domain.pbx_reading import LONGEST_ID, channel_event, detail_record, moment, queue_event
from tests.unit.pbx.told import START

CEL = {
    "event": "CEL",
    "eventname": "HANGUP",
    "linkedid": "1795269077.0",
    "uniqueid": "1795269077.1",
    "channel": "PJSIP/bob-00000001",
    "calleridnum": "102",
    "extra": '{"hangupcause":17,"hangupsource":"PJSIP/bob-00000001","dialstatus":"CANCEL"}',
}
CDR = {
    "uniqueid": "1795269077.0",
    "linkedid": "1795269077.0",
    "channel": "PJSIP/ada-00000000",
    "destinationchannel": "PJSIP/bob-00000001",
    "starttime": "2026-07-01 13:51:17",
    "answertime": "",
    "endtime": "2026-07-01 13:51:20",
    "disposition": "NO ANSWER",
    "callerid": '"Ada" <101>',
}
ODD = st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.binary(), st.datetimes())


def test_an_event_of_cel() -> None:
    event = channel_event(CEL, START)
    assert event is not None
    assert (event.kind, event.cause, event.source) == (ChannelKind.HANGUP, 17, "PJSIP/bob-00000001")
    assert event.dialled_status == "CANCEL"


@pytest.mark.parametrize(
    "changed",
    [{"eventname": "STREAM_BEGIN"}, {"linkedid": ""}, {"linkedid": "x" * (LONGEST_ID + 1)}, {"channel": ""}],
)
def test_what_is_no_event_of_a_call_is_none(changed: dict[str, str]) -> None:
    assert channel_event({**CEL, **changed}, START) is None


@pytest.mark.parametrize("extra", ["", "{", "[1]", '{"hangupcause":"x"}', '{"hangupcause":9999}', "[" * 5000, None])
def test_an_odd_extra_tells_nothing(extra: str | None) -> None:
    event = channel_event({**CEL, "extra": extra}, START)
    assert event is not None
    assert event.cause is None


def test_no_text_can_begin_another_line_or_grow_without_end() -> None:
    event = channel_event({**CEL, "calleridname": "a\r\nEvent: CEL\0\u202e" + "x" * 100_000}, START)
    assert event is not None
    assert event.name.isprintable()
    assert len(event.name) <= LONGEST_TEXT


@given(st.dictionaries(st.sampled_from([*CEL, *CDR, "queue", "holdtime", "talktime"]), ODD))
def test_nothing_that_is_read_fails(fields: dict[str, object]) -> None:
    for event in (
        channel_event({**CEL, **fields}, START),
        queue_event({**fields, "event": QueueKind.JOIN.value}, START),
        detail_record({**CDR, **fields}, START, UTC),
    ):
        assert event is None or len(event.linkedid) <= LONGEST_ID


def test_a_cdr_has_the_times_of_asterisk_s_clock() -> None:
    record = detail_record(CDR, START, ZoneInfo("Europe/Madrid"))
    assert record is not None
    assert record.started_at == datetime(2026, 7, 1, 11, 51, 17, tzinfo=UTC)
    assert record.ended_at - record.started_at == timedelta(seconds=3)
    assert record.answered_at is None
    assert record.name == "Ada"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1795269077.250000", datetime(2026, 11, 21, 13, 51, 17, 250000, tzinfo=UTC)),
        ("2026-11-21 13:51:17", datetime(2026, 11, 21, 13, 51, 17, tzinfo=UTC)),
        ("2026-11-21T13:51:17+01:00", datetime(2026, 11, 21, 12, 51, 17, tzinfo=UTC)),
        (datetime(2026, 11, 21, 13, 51, 17), datetime(2026, 11, 21, 13, 51, 17, tzinfo=UTC)),  # noqa: DTZ001
        ("", None),
        ("0000-00-00 00:00:00", None),
        ("yesterday", None),
        ("1e300", None),
        ("nan", None),
        (None, None),
    ],
)
def test_moments(given: object, expected: datetime | None) -> None:
    assert moment(given, UTC) == expected
